"""unpack.py WHEEL FOLDER PATTERN...: writes the members that match; prints "sha256 size name" for each."""
import fnmatch, hashlib, os, sys, zipfile

wheel, folder, patterns = sys.argv[1], sys.argv[2], sys.argv[3:]
with zipfile.ZipFile(wheel) as archive:
    for member in archive.infolist():
        if member.is_dir() or not any(fnmatch.fnmatchcase(member.filename, p) for p in patterns):
            continue
        path = os.path.join(folder, member.filename)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        digest = hashlib.sha256()
        with archive.open(member) as source, open(path, "wb") as target:
            while block := source.read(1 << 20):
                digest.update(block)
                target.write(block)
        print(digest.hexdigest(), member.file_size, member.filename)
