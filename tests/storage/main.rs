//! Where pictures are kept, told as stories: an object storage that others wrote, and a disk that is
//! full or may not be written.

#[path = "../support/mod.rs"]
mod support;

mod disk;
mod logs;
mod moto;
mod outages;
mod s3;

use bytes::Bytes;
use saoma::codes::picture::{named, stem};
use saoma::entropy::Entropy;
use saoma::login::ports::Image;

const PNG: &str = "image/png";

/// A picture of so many bytes, and a new name for it. The storage does not look into it.
fn picture(bytes: usize) -> (String, Image) {
    let image = Image { media_type: PNG, bytes: Bytes::from(vec![0x5a; bytes]) };
    (named(&stem(&Entropy::system()), PNG), image)
}
