//! Whether what a provider gave is a picture, and what it is called where it is kept.

use std::io::Cursor;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use image::{ImageFormat, ImageReader, Limits};

use crate::entropy::Entropy;
use crate::login::ports::Image;

/// The most bytes that a picture has. WeChat's widest are some 300 KiB.
pub const LONGEST: usize = 4 << 20;
/// The sides, in pixels, that a camera can make out a code in and that are no bomb.
const SIDES: std::ops::RangeInclusive<u32> = 64..=4096;
/// What the decoder may take, in bytes: a picture of the widest sides, 8 bits a channel.
const MEMORY: u64 = 128 << 20;

/// The pictures that are kept: how they begin, what they are, and how their names end.
const KINDS: [(ImageFormat, &str, &str); 2] =
    [(ImageFormat::Png, "image/png", ".png"), (ImageFormat::Jpeg, "image/jpeg", ".jpg")];

/// Random bytes in a name: nobody guesses one from another, or from a code's number.
const RANDOM: usize = 18;
/// The characters that they make.
const LETTERS: usize = RANDOM * 8 / 6;

/// Why something is no picture to be kept. No byte of it is repeated.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotAPicture {
    /// Its first bytes are neither those of a PNG nor of a JPEG.
    #[error("it is neither a PNG nor a JPEG")]
    Kind,
    /// It is said to be what it is not.
    #[error("its media type is not that of its bytes")]
    Label,
    /// There is too much of it.
    #[error("it has more than {LONGEST} bytes")]
    Long,
    /// It cannot be decoded to its end.
    #[error("it is broken or not complete")]
    Broken,
    /// Its sides are not those of a code.
    #[error("its sides are not from {} to {} pixels", SIDES.start(), SIDES.end())]
    Sides,
}

/// What a provider gave, if it is a picture that can be shown for years: an error that was stored
/// as one, or half of one, would be. Decodes it, which takes milliseconds.
///
/// # Errors
/// [`NotAPicture`]
pub fn check(image: &Image) -> Result<Image, NotAPicture> {
    let bytes = &image.bytes;
    if bytes.len() > LONGEST {
        return Err(NotAPicture::Long);
    }
    let guessed = image::guess_format(bytes).map_err(|_| NotAPicture::Kind)?;
    let kind = KINDS.into_iter().find(|(format, ..)| *format == guessed);
    let (format, media_type, _) = kind.ok_or(NotAPicture::Kind)?;
    if image.media_type != media_type {
        return Err(NotAPicture::Label);
    }
    let read = || ImageReader::with_format(Cursor::new(bytes), format);
    let (width, height) = read().into_dimensions().map_err(|_| NotAPicture::Broken)?;
    if !SIDES.contains(&width) || !SIDES.contains(&height) {
        return Err(NotAPicture::Sides);
    }
    if !ends(format, bytes) {
        return Err(NotAPicture::Broken);
    }
    let mut reader = read();
    let mut limits = Limits::default();
    limits.max_alloc = Some(MEMORY);
    reader.limits(limits);
    reader.decode().map_err(|_| NotAPicture::Broken)?;
    Ok(Image { media_type, bytes: bytes.clone() })
}

/// Whether the last of it is there: decoders fill in what is missing of a JPEG, and stop at a
/// PNG's last pixel.
fn ends(format: ImageFormat, bytes: &[u8]) -> bool {
    // Some encoders fill up to a whole word.
    let filled = bytes.iter().rev().take_while(|byte| **byte == 0).count();
    match format {
        ImageFormat::Jpeg => bytes[..bytes.len() - filled].ends_with(b"\xff\xd9"),
        _ => bytes.ends_with(b"IEND\xaeB`\x82"),
    }
}

/// What a new name begins with, which nobody guesses.
#[must_use]
pub fn stem(entropy: &Entropy) -> String {
    URL_SAFE_NO_PAD.encode(entropy.bytes::<RANDOM>())
}

/// The name of a picture: its stem, and what it is.
#[must_use]
pub fn named(stem: &str, media_type: &str) -> String {
    let end = KINDS.iter().find(|(_, known, _)| *known == media_type).map_or("", |kind| kind.2);
    format!("{stem}{end}")
}

/// All names that a picture of this stem may have.
pub fn names_of(stem: &str) -> impl Iterator<Item = String> {
    KINDS.into_iter().map(move |(_, media_type, _)| named(stem, media_type))
}

/// The media type of the picture that has this name, if it is one of ours.
#[must_use]
pub fn media_type_of(name: &str) -> Option<&'static str> {
    KINDS.into_iter().find_map(|(_, media_type, end)| {
        let letters = name.strip_suffix(end)?.as_bytes();
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
        (letters.len() == LETTERS && letters.iter().all(plain)).then_some(media_type)
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use image::{DynamicImage, Luma};

    use super::*;

    fn drawn(format: ImageFormat, width: u32, height: u32) -> Bytes {
        let checks =
            |x: u32, y: u32| Luma([if (x / 8 + y / 8).is_multiple_of(2) { 0 } else { 255 }]);
        let picture = DynamicImage::ImageLuma8(image::ImageBuffer::from_fn(width, height, checks));
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).expect("drawn");
        bytes.into_inner().into()
    }

    fn said_to_be(media_type: &'static str, bytes: impl Into<Bytes>) -> Result<Image, NotAPicture> {
        check(&Image { media_type, bytes: bytes.into() })
    }

    #[test]
    fn a_picture_is_one_whichever_of_the_two_kinds_it_is() {
        for (format, media_type, _) in KINDS {
            let bytes = drawn(format, 280, 280);
            let expected = Image { media_type, bytes: bytes.clone() };
            assert_eq!(said_to_be(media_type, bytes), Ok(expected));
        }
    }

    #[test]
    fn a_jpeg_may_be_filled_up_with_zeros() {
        let filled = [&drawn(ImageFormat::Jpeg, 280, 280)[..], &[0; 3]].concat();
        assert!(said_to_be("image/jpeg", filled).is_ok());
    }

    #[test]
    fn an_error_is_no_picture_whatever_it_is_said_to_be() {
        let error = br#"{"errcode":45009,"errmsg":"reach max api daily quota limit"}"#;
        for bytes in [&error[..], b"<html>", b"", b"GIF89a", b"<svg xmlns='x'/>"] {
            for media_type in ["image/jpeg", "image/png", "application/json"] {
                let said = said_to_be(media_type, bytes);
                assert_eq!(said, Err(NotAPicture::Kind), "{bytes:?} as {media_type}");
            }
        }
    }

    #[test]
    fn the_label_is_that_of_the_bytes_or_it_is_refused() {
        let png = drawn(ImageFormat::Png, 280, 280);
        for media_type in ["image/jpeg", "image/svg+xml", "text/html"] {
            assert_eq!(said_to_be(media_type, png.clone()), Err(NotAPicture::Label));
        }
    }

    #[test]
    fn a_picture_that_was_cut_is_refused_wherever_it_was_cut() {
        for (format, media_type, _) in KINDS {
            let whole = drawn(format, 64, 64);
            for length in 8..whole.len() {
                let cut = said_to_be(media_type, whole.slice(..length));
                assert_eq!(cut, Err(NotAPicture::Broken), "{format:?} at {length}");
            }
        }
    }

    #[test]
    fn a_picture_with_an_error_in_its_middle_is_refused() {
        let mut png = drawn(ImageFormat::Png, 280, 280).to_vec();
        let middle = png.len() / 2;
        png[middle] ^= 0xff;
        assert_eq!(said_to_be("image/png", png), Err(NotAPicture::Broken));
    }

    #[test]
    fn what_no_camera_could_read_or_no_server_should_decode_is_refused() {
        let (png, kind) = (ImageFormat::Png, "image/png");
        for (width, height) in [(1, 1), (63, 280), (280, 63), (4097, 64)] {
            let said = said_to_be(kind, drawn(png, width, height));
            assert_eq!(said, Err(NotAPicture::Sides), "{width} × {height}");
        }
        let mut long = drawn(png, 280, 280).to_vec();
        long.resize(LONGEST + 1, 0);
        assert_eq!(said_to_be(kind, long), Err(NotAPicture::Long));
    }

    #[test]
    fn names_are_random_and_tell_the_kind_alone() {
        let entropy = Entropy::system();
        let names: std::collections::BTreeSet<_> =
            (0..1000).map(|_| named(&stem(&entropy), "image/png")).collect();
        assert_eq!(names.len(), 1000);
        assert!(names.iter().all(|name| media_type_of(name) == Some("image/png")));
        let jpeg = named(&stem(&entropy), "image/jpeg");
        assert_eq!(media_type_of(&jpeg), Some("image/jpeg"));
        assert!(RANDOM >= 16 && jpeg.len() == LETTERS + 4, "{jpeg}");
    }

    #[test]
    fn what_was_not_named_here_is_no_name() {
        let good = "0123456789abcdefABCDEF-_.png";
        assert_eq!(media_type_of(good), Some("image/png"));
        for bad in [
            "",
            ".png",
            "../0123456789abcdefABCDE.png",
            "..%2F123456789abcdefABCD.png",
            "0123456789abcdefABCDEF-_",
            "0123456789abcdefABCDEF-_.svg",
            "0123456789abcdefABCDEF-_.png.jpg",
            "0123456789abcdefABCDEF-_0.png",
            "0123456789abcdefABCDEF/_.png",
            "0123456789abcdefABCDEF\0_.png",
            "0123456789abcdefABCDé-_.png",
            ".partial/89abcdefABCDEF-.png",
        ] {
            assert_eq!(media_type_of(bad), None, "{bad}");
        }
    }
}
