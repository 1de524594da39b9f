//! QR codes as pictures: black on white, whatever the page around them looks like.

use std::fmt::Write;

use bytes::Bytes;
use png::{BitDepth, ColorType, Encoder};
use qrcode::{Color, EcLevel, QrCode};

use crate::login::ports::{Image, ImageFormat, PortError};

/// The white border that readers need, in modules (ISO/IEC 18004).
const QUIET: usize = 4;

/// The least width of a picture, in pixels.
const LEAST: usize = 280;

/// The QR code of a text.
pub(super) fn draw(text: &str, format: ImageFormat) -> Result<Image, PortError> {
    // M: a code on a screen is clean, but screens reflect.
    let code = QrCode::with_error_correction_level(text, EcLevel::M)
        .map_err(|_| PortError::bad("the code's content is too long for a QR code"))?;
    let code = Modules { width: code.width(), colors: code.into_colors() };
    Ok(match format {
        ImageFormat::Png => Image { media_type: "image/png", bytes: code.png()? },
        ImageFormat::Svg => Image { media_type: "image/svg+xml", bytes: code.svg().into() },
    })
}

/// The squares of a code, row by row, without the border.
struct Modules {
    width: usize,
    colors: Vec<Color>,
}

impl Modules {
    /// The width with the border, in modules.
    fn side(&self) -> usize {
        self.width + 2 * QUIET
    }

    /// Pixels a module: whole ones, so that the edges are crisp.
    fn scale(&self) -> usize {
        LEAST.div_ceil(self.side())
    }

    /// One bit a pixel, 1 is white.
    fn png(&self) -> Result<Bytes, PortError> {
        let (scale, pixels) = (self.scale(), self.side() * self.scale());
        let stride = pixels.div_ceil(8);
        let mut bits = vec![0xff_u8; stride * pixels];
        for (y, row) in self.colors.chunks_exact(self.width).enumerate() {
            let top = (y + QUIET) * scale * stride;
            let line = &mut bits[top..top + stride];
            for (x, _) in row.iter().enumerate().filter(|(_, color)| **color == Color::Dark) {
                let left = (x + QUIET) * scale;
                for pixel in left..left + scale {
                    line[pixel / 8] &= !(0x80 >> (pixel % 8));
                }
            }
            for copy in 1..scale {
                bits.copy_within(top..top + stride, top + copy * stride);
            }
        }
        let size = u32::try_from(pixels).map_err(|_| undrawn())?;
        let mut out = Vec::new();
        let mut encoder = Encoder::new(&mut out, size, size);
        encoder.set_color(ColorType::Grayscale);
        encoder.set_depth(BitDepth::One);
        let mut writer = encoder.write_header().map_err(|_| undrawn())?;
        writer.write_image_data(&bits).map_err(|_| undrawn())?;
        writer.finish().map_err(|_| undrawn())?;
        Ok(out.into())
    }

    /// One path, a stroke of it for each run of black modules. The text itself is not in it.
    fn svg(&self) -> String {
        let (side, pixels) = (self.side(), self.side() * self.scale());
        let mut path = String::new();
        for (y, row) in self.colors.chunks_exact(self.width).enumerate() {
            let mut x = 0;
            for run in row.chunk_by(|a, b| a == b) {
                if run[0] == Color::Dark {
                    let (left, top, long) = (x + QUIET, y + QUIET, run.len());
                    // Writing to a string cannot fail.
                    let _ = write!(path, "M{left} {top}h{long}v1h-{long}z");
                }
                x += run.len();
            }
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{pixels}\" height=\"{pixels}\" \
             viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
             <path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/>\
             <path fill=\"#000\" d=\"{path}\"/></svg>"
        )
    }
}

fn undrawn() -> PortError {
    PortError::bad("the code's picture could not be drawn")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::ports::Fault;

    fn svg(text: &str) -> String {
        let image = draw(text, ImageFormat::Svg).expect("drawn");
        String::from_utf8(image.bytes.into()).expect("text")
    }

    /// The PNG's width in pixels, and its pixels, true for black.
    fn png(text: &str) -> (usize, Vec<bool>) {
        let image = draw(text, ImageFormat::Png).expect("drawn");
        let mut decoder = png::Decoder::new(std::io::Cursor::new(image.bytes));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().expect("a PNG");
        let mut pixels = vec![0; reader.output_buffer_size().expect("small")];
        let info = reader.next_frame(&mut pixels).expect("a picture");
        assert_eq!(info.width, info.height);
        (info.width as usize, pixels.iter().map(|grey| *grey == 0).collect())
    }

    #[test]
    fn a_picture_is_never_too_small_and_has_whole_pixels_a_module() {
        for length in [1, 20, 60, 200, 900] {
            let text = "x".repeat(length);
            let code = QrCode::with_error_correction_level(&text, EcLevel::M).expect("a code");
            let (width, _) = png(&text);
            assert!(width >= LEAST && width % (code.width() + 2 * QUIET) == 0, "{width}");
            assert!(svg(&text).contains(&format!("width=\"{width}\"")));
        }
    }

    #[test]
    fn the_picture_is_the_code_with_four_white_modules_around_it() {
        let text = "http://192.0.2.1:3000/phone/abc";
        let code = QrCode::with_error_correction_level(text, EcLevel::M).expect("a code");
        let (width, black) = png(text);
        let scale = width / (code.width() + 2 * QUIET);
        let ink = 0..code.width();
        for (at, black) in black.iter().enumerate() {
            let (x, y) = (at % width / scale, at / width / scale);
            let dark = match (x.checked_sub(QUIET), y.checked_sub(QUIET)) {
                (Some(x), Some(y)) if ink.contains(&x) && ink.contains(&y) => {
                    code[(x, y)] == Color::Dark
                }
                _ => false,
            };
            assert_eq!(*black, dark, "{x} {y}");
        }
    }

    #[test]
    fn an_svg_holds_its_paths_and_nothing_of_the_text() {
        let text = svg("\"><script>alert(1)</script>");
        assert!(text.starts_with("<svg ") && text.ends_with("</svg>"));
        assert_eq!(text.matches('<').count(), 4);
        assert!(text.contains("fill=\"#fff\"") && !text.contains("script"));
    }

    #[test]
    fn what_fits_in_no_code_is_an_error() {
        let answer = draw(&"x".repeat(3000), ImageFormat::Png);
        assert!(answer.is_err_and(|error| error.fault == Fault::Bad));
    }
}
