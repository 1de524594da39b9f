//! Pictures that decode: no codes that a camera could read, but each says in a comment of its
//! bytes whose it is, so that a test's phone can.

use std::collections::HashMap;
use std::io::Cursor;
use std::sync::{Arc, LazyLock};

use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};
use parking_lot::Mutex;

const MARK: &str = "scan-me:";
/// Dark cells to a side.
const CELLS: u32 = 29;

#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub(crate) enum Format {
    Jpeg,
    /// With a transparent background.
    Png,
}

/// Drawing takes long, and the pictures of a size are alike but for their name.
static DRAWN: LazyLock<Mutex<Drawn>> = LazyLock::new(Mutex::default);

type Drawn = HashMap<(Format, u32), Arc<[u8]>>;

/// A picture of something that can be scanned.
pub(crate) fn draw(format: Format, width: u32, name: &str) -> Vec<u8> {
    let mut drawn = DRAWN.lock();
    let picture = drawn.entry((format, width)).or_insert_with(|| encode(format, width).into());
    let comment = format!("{MARK}{name};");
    match format {
        Format::Jpeg => with_jpeg_comment(picture, &comment),
        Format::Png => with_png_comment(picture, &comment),
    }
}

/// Whose picture it is.
pub(crate) fn name(picture: &[u8]) -> Option<String> {
    let begin = picture.windows(MARK.len()).position(|window| window == MARK.as_bytes())?;
    let rest = &picture[begin + MARK.len()..];
    let end = rest.iter().position(|byte| *byte == b';')?;
    String::from_utf8(rest[..end].to_vec()).ok()
}

fn encode(format: Format, width: u32) -> Vec<u8> {
    let cell = width.div_ceil(CELLS);
    let picture = RgbaImage::from_fn(width, width, |x, y| {
        let (x, y) = (x / cell, y / cell);
        let dark = (x * 7 + y * 13 + x * y).is_multiple_of(3);
        match format {
            _ if dark => Rgba([0, 0, 0, 255]),
            Format::Jpeg => Rgba([255, 255, 255, 255]),
            Format::Png => Rgba([255, 255, 255, 0]),
        }
    });
    let picture = DynamicImage::ImageRgba8(picture);
    let mut bytes = Cursor::new(Vec::new());
    let encoded = match format {
        Format::Jpeg => picture.to_luma8().write_to(&mut bytes, ImageFormat::Jpeg),
        Format::Png => picture.write_to(&mut bytes, ImageFormat::Png),
    };
    encoded.expect("memory takes any picture");
    bytes.into_inner()
}

/// Behind the first two segments: the mark of the beginning and JFIF's head.
fn with_jpeg_comment(picture: &[u8], comment: &str) -> Vec<u8> {
    let head = 4 + usize::from(u16::from_be_bytes([picture[4], picture[5]])) - 2 + 2;
    let length = u16::try_from(comment.len() + 2).expect("a short comment").to_be_bytes();
    [&picture[..head], &[0xff, 0xfe], &length, comment.as_bytes(), &picture[head..]].concat()
}

/// Behind the first chunk, which is always as long.
fn with_png_comment(picture: &[u8], comment: &str) -> Vec<u8> {
    let head = 8 + 4 + 4 + 13 + 4;
    let data = [b"tEXtComment\0", comment.as_bytes()].concat();
    let length = u32::try_from(data.len() - 4).expect("a short comment").to_be_bytes();
    let mut sum = flate2::Crc::new();
    sum.update(&data);
    [&picture[..head], &length, &data, &sum.sum().to_be_bytes(), &picture[head..]].concat()
}
