//! A folder of pictures, by name, decoded when first needed and kept as far as the cache reaches.

use std::fs;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::{ImageReader, Limits};

use super::{InputError, Single, transform, warn};

/// The longest side of a picture that is decoded, in pixels.
const MAX_SIDE: u32 = 16_384;
/// Bytes that decoding one picture may take.
const MAX_DECODED: u64 = 512 << 20;
/// Bytes of the largest file that is read.
const MAX_FILE: u64 = 128 << 20;

#[derive(Debug)]
enum State {
    /// Decoded each time it is shown.
    OnDisk,
    Kept(Arc<[u8]>),
    /// Told once, and passed over since.
    Broken,
}

#[derive(Debug)]
struct Entry {
    name: String,
    path: PathBuf,
    state: State,
}

#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    entries: Vec<Entry>,
    /// Rows and columns of the model's input.
    size: (u32, u32),
    next: usize,
    /// Bytes of decoded pictures that may still be kept. The first ones stay: in a loop, dropping the one used
    /// longest ago would drop the one needed next.
    room: usize,
}

impl Folder {
    /// Lists the folder and decodes its first usable picture, so that a folder without any is told at once.
    pub(super) fn open(
        folder: &Path,
        size: (u32, u32),
        cache_bytes: usize,
        warnings: &mut Vec<String>,
    ) -> Result<Self, InputError> {
        let (mut pictures, others) = list(folder).map_err(|cause| InputError::Folder {
            folder: folder.to_owned(),
            cause,
        })?;
        if pictures.is_empty() {
            return Err(InputError::NoPictures {
                folder: folder.to_owned(),
                others: others.len(),
            });
        }
        if let Some(example) = others.iter().min() {
            let count = others.len();
            warn(
                warnings,
                format!(
                    "{count} of the files in {} are no .png, .jpg or .jpeg and are skipped, such as {example}.",
                    folder.display()
                ),
            );
        }
        pictures.sort_by(|a, b| a.path.cmp(&b.path));
        let mut opened = Self {
            path: folder.to_owned(),
            entries: pictures,
            size,
            next: 0,
            room: cache_bytes,
        };
        opened.next_single(warnings)?;
        opened.next = 0;
        Ok(opened)
    }

    pub(super) fn pass_over(&mut self, pictures: u64) {
        let usable: Vec<usize> = (self.next..self.entries.len())
            .chain(0..self.next)
            .filter(|&i| {
                self.entries
                    .get(i)
                    .is_some_and(|e| !matches!(e.state, State::Broken))
            })
            .collect();
        if let Some(&next) = usable.get((pictures % usable.len().max(1) as u64) as usize) {
            self.next = next;
        }
    }

    pub(super) fn next_single(&mut self, warnings: &mut Vec<String>) -> Result<Single, InputError> {
        let count = self.entries.len();
        let mut last = String::new();
        for _ in 0..count {
            let here = self.next;
            self.next = (self.next + 1) % count;
            let Some(entry) = self.entries.get_mut(here) else {
                continue;
            };
            match &entry.state {
                State::Kept(pixels) => return Ok((entry.name.clone(), Arc::clone(pixels))),
                State::Broken => {}
                State::OnDisk => match decode(&entry.path, self.size) {
                    Ok(pixels) => {
                        if pixels.len() <= self.room {
                            self.room -= pixels.len();
                            entry.state = State::Kept(Arc::clone(&pixels));
                        }
                        return Ok((entry.name.clone(), pixels));
                    }
                    Err(reason) => {
                        entry.state = State::Broken;
                        last = format!("{} is skipped: {reason}.", entry.path.display());
                        warn(warnings, last.clone());
                    }
                },
            }
        }
        if last.is_empty() {
            "all of them were skipped before".clone_into(&mut last);
        }
        Err(InputError::NoneUsable {
            folder: self.path.clone(),
            tried: count,
            last,
        })
    }
}

/// The folder's pictures by their names' endings, and the names of its other files; hidden files are neither.
fn list(folder: &Path) -> io::Result<(Vec<Entry>, Vec<String>)> {
    let (mut pictures, mut others) = (Vec::new(), Vec::new());
    for found in fs::read_dir(folder)? {
        let path = found?.path();
        let name = path
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        if name.starts_with('.') || path.is_dir() {
            continue;
        }
        let is_picture = path.extension().is_some_and(|ending| {
            ["png", "jpg", "jpeg"]
                .iter()
                .any(|e| ending.eq_ignore_ascii_case(e))
        });
        if is_picture {
            let state = State::OnDisk;
            pictures.push(Entry { name, path, state });
        } else {
            others.push(name);
        }
    }
    Ok((pictures, others))
}

/// A file's picture as `[3, rows, columns]`, or why not. Transparency is dropped, as Pillow's `convert("RGB")` does.
fn decode(path: &Path, size: (u32, u32)) -> Result<Arc<[u8]>, String> {
    let unreadable = |e: io::Error| format!("it could not be read: {e}");
    // Asked of the path, for opening a pipe would wait for its writer.
    let about = fs::metadata(path).map_err(unreadable)?;
    if !about.is_file() {
        return Err("it is no regular file".to_owned());
    }
    if about.len() > MAX_FILE {
        let mb = about.len() / 1_000_000;
        return Err(format!(
            "the file has {mb} MB, and at most {} MB are read",
            MAX_FILE / 1_000_000
        ));
    }
    let file = BufReader::new(fs::File::open(path).map_err(unreadable)?);
    let mut reader = ImageReader::new(file)
        .with_guessed_format()
        .map_err(unreadable)?;
    if reader.format().is_none() {
        return Err("its content is neither PNG nor JPEG".to_owned());
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODED);
    reader.limits(limits);
    let rgb = reader
        .decode()
        .map_err(|e| format!("it could not be decoded: {e}"))?
        .into_rgb8();
    let (columns, rows) = rgb.dimensions();
    if rows == 0 || columns == 0 {
        return Err("it has no pixels".to_owned());
    }
    Ok(transform::evaluate(rgb.as_raw(), (rows, columns), size).into())
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};
    use tempfile::TempDir;

    use super::super::Input;
    use super::*;

    const GREY: [u8; 3] = [90, 90, 90];

    fn save(dir: &TempDir, name: &str, colour: [u8; 3]) {
        RgbImage::from_pixel(40, 30, Rgb(colour))
            .save(dir.path().join(name))
            .unwrap();
    }

    fn open(dir: &TempDir) -> Result<Input, InputError> {
        Input::open(dir.path().to_str().unwrap(), 1, 16, 16)
    }

    fn names(input: &mut Input, count: usize) -> Vec<String> {
        (0..count)
            .map(|_| input.next_picture().unwrap().name)
            .collect()
    }

    #[test]
    fn pictures_come_by_name_and_again_after_the_last() {
        let dir = TempDir::new().unwrap();
        save(&dir, "b.jpg", GREY);
        save(&dir, "c.JPEG", GREY);
        save(&dir, "a.png", [200, 100, 0]);
        let mut input = open(&dir).unwrap();
        assert_eq!(
            names(&mut input, 5),
            ["a.png", "b.jpg", "c.JPEG", "a.png", "b.jpg"]
        );
        input.pass_over(4);
        let picture = input.next_picture().unwrap();
        assert_eq!(picture.name, "a.png");
        let planes: Vec<&[u8]> = picture.pixels.chunks(256).collect();
        assert_eq!(planes, [[200; 256], [100; 256], [0; 256]]);
        assert_eq!(input.take_warnings(), Vec::<String>::new());
    }

    #[test]
    fn what_is_no_picture_is_skipped_and_told_once() {
        let dir = TempDir::new().unwrap();
        save(&dir, "a.png", GREY);
        save(&dir, "e.png", GREY);
        let path = |name| dir.path().join(name);
        fs::write(path("b.jpg"), "not a picture").unwrap();
        let whole = fs::read(path("a.png")).unwrap();
        fs::write(path("c.png"), &whole[..whole.len() / 2]).unwrap();
        fs::write(path("notes.txt"), "sunny").unwrap();
        fs::create_dir(path("d.png")).unwrap();
        let mut input = open(&dir).unwrap();
        assert_eq!(names(&mut input, 4), ["a.png", "e.png", "a.png", "e.png"]);
        let warnings = input.take_warnings();
        let told = |part: &str| warnings.iter().filter(|w| w.contains(part)).count();
        assert_eq!(warnings.len(), 3, "{warnings:#?}");
        assert_eq!(told("notes.txt"), 1);
        assert_eq!(
            told("b.jpg is skipped: its content is neither PNG nor JPEG"),
            1
        );
        assert_eq!(told("c.png is skipped: it could not be decoded"), 1);
    }

    #[test]
    fn a_small_file_that_unfolds_to_a_huge_picture_is_not_unfolded() {
        let dir = TempDir::new().unwrap();
        save(&dir, "a.png", GREY);
        save(&dir, "bomb.png", GREY);
        let path = dir.path().join("bomb.png");
        let mut png = fs::read(&path).unwrap();
        // The header's width, with the checksum that belongs to it.
        png[16..20].copy_from_slice(&2_000_000_000u32.to_be_bytes());
        let crc = crc32(&png[12..29]);
        png[29..33].copy_from_slice(&crc.to_be_bytes());
        fs::write(&path, png).unwrap();
        let mut input = open(&dir).unwrap();
        assert_eq!(names(&mut input, 2), ["a.png", "a.png"]);
        let warnings = input.take_warnings();
        assert!(warnings[0].contains("bomb.png is skipped"), "{warnings:?}");
    }

    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0u32, |crc, &b| {
            (0..8).fold(crc ^ u32::from(b), |c, _| {
                (c >> 1) ^ (0xedb8_8320 & (c & 1).wrapping_neg())
            })
        })
    }

    #[test]
    fn a_folder_without_a_usable_picture_is_told_at_once() {
        let dir = TempDir::new().unwrap();
        let told = |e: Result<Input, InputError>| e.unwrap_err().to_string();
        assert!(told(open(&dir)).contains("no pictures in"));
        fs::write(dir.path().join("x.png"), "no").unwrap();
        let sentence = told(open(&dir));
        assert!(
            sentence.contains("none of the 1 pictures") && sentence.contains("x.png"),
            "{sentence}"
        );
        let sentence = told(Input::open("/nowhere/at/all", 1, 16, 16));
        assert!(
            sentence.contains("/nowhere/at/all") && sentence.contains("No such file"),
            "{sentence}"
        );
        let file = dir.path().join("x.png");
        assert!(told(Input::open(file.to_str().unwrap(), 1, 16, 16)).contains("x.png"));
    }

    #[test]
    fn beyond_the_cache_pictures_are_decoded_again() {
        let dir = TempDir::new().unwrap();
        save(&dir, "a.png", [1, 2, 3]);
        save(&dir, "b.png", [4, 5, 6]);
        let mut warnings = Vec::new();
        let mut folder = Folder::open(dir.path(), (16, 16), 800, &mut warnings).unwrap();
        let mut round = || [(); 2].map(|()| folder.next_single(&mut warnings).unwrap());
        let (first, second) = (round(), round());
        assert_eq!(first, second);
        assert!(Arc::ptr_eq(&first[0].1, &second[0].1), "kept");
        assert!(!Arc::ptr_eq(&first[1].1, &second[1].1), "no room for it");
    }
}
