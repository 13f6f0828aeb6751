//! The zip form: `NAME/data.pkl`, `NAME/byteorder` and one entry `NAME/data/KEY` for each storage.
//!
//! torch stores entries as they are; deflated ones, from a tool that packed the archive again, are read
//! within [`MAX_EXPANSION`].

use std::io::{self, BufRead, BufReader, Read, Seek};

use zip::read::ZipFile;
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::super::catalogue::{self, Catalogue, Entry};
use super::super::dtype::Float;
use super::super::error::WeightsError;
use super::super::pickle::{Input, Pickled};
use super::super::{ParamSpec, Source, Weights};
use super::{big_endian, damaged, pickle, state_dict};

/// How many times its packed size a deflated entry may grow: random weights hardly shrink, zeros do.
const MAX_EXPANSION: u64 = 64;
const PICKLE: &str = "data.pkl";

/// Reads the wanted parameters.
pub(in super::super) fn load<R: BufRead + Seek>(
    source: Source<R>,
    wanted: &[ParamSpec],
) -> Result<Weights, WeightsError> {
    let Source {
        reader,
        length,
        origin,
    } = source;
    let zip = ZipArchive::new(reader).map_err(|cause| zip_error(&origin, "directory", cause))?;
    let mut archive = Archive {
        root: root(&zip, &origin)?,
        zip,
        length,
        origin: &origin,
    };
    archive.check_byte_order()?;
    let pickled = archive.pickle()?;
    let mut catalogue = Catalogue::new();
    for (name, storage, layout) in state_dict(&pickled, &origin)? {
        let entry = Entry {
            element: storage.element,
            layout: layout.clone(),
            place: storage,
        };
        catalogue.insert(name.to_owned(), entry);
    }
    catalogue::fill(&origin, wanted, &catalogue, |_, entry, float, out| {
        archive.read_tensor(
            &entry.place.key,
            entry.place.count,
            &entry.layout,
            float,
            out,
        )
    })
}

/// The directory inside the archive that everything lies in, with its slash.
fn root<R: Read + Seek>(zip: &ZipArchive<R>, origin: &str) -> Result<String, WeightsError> {
    let names = zip.file_names().filter_map(Result::ok);
    let mut roots = names.filter_map(|name| Some(name.strip_suffix(PICKLE)?.to_owned()));
    match roots
        .find(|root| root.is_empty() || (root.ends_with('/') && root.matches('/').count() == 1))
    {
        Some(root) => Ok(root),
        None => Err(WeightsError::Unsupported {
            origin: origin.to_owned(),
            found: format!(
                "a zip archive of {} entries without NAME/{PICKLE}",
                zip.len()
            ),
            expected: "one that torch.save wrote",
            advice: super::SAVE_STATE_DICT,
        }),
    }
}

struct Archive<'a, R> {
    zip: ZipArchive<R>,
    root: String,
    length: u64,
    origin: &'a str,
}

impl<R: BufRead + Seek> Archive<'_, R> {
    /// Opens an entry whose claimed size the file can hold.
    fn entry(&mut self, name: &str) -> Result<ZipFile<'_, R>, WeightsError> {
        let path = format!("{}{name}", self.root);
        let entry = self
            .zip
            .by_name(&path)
            .map_err(|cause| zip_error(self.origin, &path, cause))?;
        let (packed, size) = (entry.compressed_size(), entry.size());
        let most = match entry.compression() {
            CompressionMethod::Stored => packed,
            _ => packed.saturating_mul(MAX_EXPANSION),
        };
        if packed > self.length || size > most {
            let expected = format!(
                "at most {most} bytes from {packed} packed ones in a file of {}",
                self.length
            );
            return Err(damaged(
                self.origin,
                path,
                expected,
                format!("a claim of {size}"),
            ));
        }
        Ok(entry)
    }

    fn check_byte_order(&mut self) -> Result<(), WeightsError> {
        let path = format!("{}byteorder", self.root);
        if self.zip.index_for_name(&path).is_none() {
            // Before torch 2.1 only little-endian machines could write this form.
            return Ok(());
        }
        let mut order = String::new();
        let read = self.entry("byteorder")?.take(16).read_to_string(&mut order);
        read.map_err(|cause| zip_error(self.origin, &path, cause.into()))?;
        match order.trim() {
            "little" => Ok(()),
            "big" => Err(big_endian(self.origin)),
            _ => Err(damaged(
                self.origin,
                path,
                "little",
                order.escape_debug().to_string(),
            )),
        }
    }

    fn pickle(&mut self) -> Result<Pickled, WeightsError> {
        let origin = self.origin;
        let entry = self.entry(PICKLE)?;
        let size = entry.size();
        pickle(
            &mut Input::new(&mut BufReader::new(entry), size),
            "state dict",
            origin,
        )
    }

    /// Reads one view of the storage `key`, which the pickle says has `count` elements.
    fn read_tensor(
        &mut self,
        key: &str,
        count: u64,
        layout: &super::Layout,
        float: Float,
        out: &mut [f32],
    ) -> Result<(), WeightsError> {
        let origin = self.origin;
        let name = format!("data/{key}");
        let path = format!("{}{name}", self.root);
        let bytes = float.bytes() as u64;
        let mut entry = self.entry(&name)?;
        if count.checked_mul(bytes) != Some(entry.size()) {
            let expected = format!("{count} elements of {bytes} bytes");
            return Err(damaged(
                origin,
                path,
                expected,
                format!("{} bytes", entry.size()),
            ));
        }
        let read = skip(&mut entry, layout.offset * bytes)
            .and_then(|()| layout.read(&mut entry, float, out))
            .and_then(|()| finish(&mut entry, (count - layout.offset - layout.span) * bytes));
        read.map_err(|cause| zip_error(origin, &path, cause.into()))
    }
}

fn skip(entry: &mut impl Read, bytes: u64) -> io::Result<()> {
    match io::copy(&mut entry.take(bytes), &mut io::sink())? {
        read if read == bytes => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Reads on to the entry's end, where its checksum is compared, unless most of it lies ahead.
fn finish(entry: &mut impl Read, ahead: u64) -> io::Result<()> {
    if ahead == 0 {
        io::copy(entry, &mut io::sink()).map(drop)
    } else {
        Ok(())
    }
}

fn zip_error(origin: &str, part: impl Into<String>, cause: ZipError) -> WeightsError {
    WeightsError::Zip {
        origin: origin.to_owned(),
        part: part.into(),
        cause,
    }
}
