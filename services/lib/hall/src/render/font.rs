//! Text from bitmaps: `assets/sans.glyphs`, whose format `assets/make_glyphs.py` tells.

use super::canvas::Canvas;

static GLYPHS: &[u8] = include_bytes!("../../assets/sans.glyphs");

/// Sizes and weights that are used, by their place in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    Small = 0,
    Normal = 1,
    Bold = 2,
    Title = 3,
}

/// Which end of the text is at the given point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Left,
    Middle,
    Right,
}

#[derive(Debug)]
struct Glyph {
    code: u32,
    width: i32,
    height: i32,
    left: i32,
    top: i32,
    advance: i32,
    /// Where its coverage starts in `GLYPHS`.
    offset: usize,
}

#[derive(Debug)]
struct Face {
    /// By code point.
    glyphs: Vec<Glyph>,
}

/// Every size of the font.
#[derive(Debug)]
pub(super) struct Font {
    faces: Vec<Face>,
}

impl Font {
    pub fn new() -> Self {
        let mut at = 1;
        let mut byte = || {
            at += 1;
            (at - 1, GLYPHS[at - 1])
        };
        let mut faces = Vec::new();
        for _ in 0..GLYPHS[0] {
            let _bold_size_ascent_descent = [byte(), byte(), byte(), byte()];
            let count = u16::from_le_bytes([byte().1, byte().1]);
            let glyphs = (0..count).map(|_| {
                let code = u32::from_le_bytes([byte().1, byte().1, byte().1, byte().1]);
                let (width, height) = (i32::from(byte().1), i32::from(byte().1));
                let (left, top) = (i32::from(byte().1 as i8), i32::from(byte().1 as i8));
                let (last, advance) = byte();
                let size = (width + 1) / 2 * height;
                (0..size).for_each(|_| {
                    byte();
                });
                let advance = i32::from(advance);
                Glyph { code, width, height, left, top, advance, offset: last + 1 }
            });
            let glyphs = glyphs.collect();
            faces.push(Face { glyphs });
        }
        Self { faces }
    }

    fn glyphs<'a>(&'a self, size: Size, text: &'a str) -> impl Iterator<Item = &'a Glyph> {
        let face = &self.faces[size as usize];
        text.chars().filter_map(|char| {
            let found = face.glyphs.binary_search_by_key(&u32::from(char), |glyph| glyph.code);
            found.ok().map(|index| &face.glyphs[index])
        })
    }

    pub fn width(&self, size: Size, text: &str) -> i32 {
        self.glyphs(size, text).map(|glyph| glyph.advance).sum()
    }

    /// Writes with the top of the line at `y`.
    pub fn write(
        &self,
        canvas: &mut Canvas,
        size: Size,
        x: i32,
        y: i32,
        anchor: Anchor,
        text: &str,
    ) {
        let mut pen = match anchor {
            Anchor::Left => x,
            Anchor::Middle => x - self.width(size, text) / 2,
            Anchor::Right => x - self.width(size, text),
        };
        for glyph in self.glyphs(size, text) {
            let (left, top) = (pen + glyph.left, y + glyph.top);
            glyph.pixels(|dx, dy, coverage| canvas.blend(left + dx, top + dy, coverage));
            pen += glyph.advance;
        }
    }

    /// Writes upwards, the left of the line at `x`, ending at `y`.
    pub fn write_upwards(&self, canvas: &mut Canvas, size: Size, x: i32, y: i32, text: &str) {
        let mut pen = y + self.width(size, text);
        for glyph in self.glyphs(size, text) {
            let (left, bottom) = (x + glyph.top, pen - glyph.left);
            glyph.pixels(|dx, dy, coverage| canvas.blend(left + dy, bottom - dx, coverage));
            pen -= glyph.advance;
        }
    }
}

impl Glyph {
    fn pixels(&self, mut paint: impl FnMut(i32, i32, u8)) {
        let stride = (self.width + 1) / 2;
        for dy in 0..self.height {
            for dx in 0..self.width {
                let pair = GLYPHS[self.offset + (dy * stride + dx / 2) as usize];
                paint(dx, dy, if dx % 2 == 0 { pair >> 4 } else { pair & 15 });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_holds_ascii_and_text_has_a_width() {
        let font = Font::new();
        for size in [Size::Small, Size::Normal, Size::Bold, Size::Title] {
            for code in ' '..='~' {
                assert_eq!(font.glyphs(size, &code.to_string()).count(), 1, "{code}");
            }
            assert!(font.width(size, "Entries") > 20);
        }
    }
}
