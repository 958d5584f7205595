//! A canvas of palette indices: one byte a pixel, a quarter of the memory traffic of RGB.

/// Palette index of white; 1 to 15 are greys down to black.
pub(super) const WHITE: u8 = 0;
pub(super) const BLACK: u8 = 15;
/// First index of the colour scale of maps.
pub(super) const SCALE: u8 = 16;
/// Steps of the colour scale, as ROOT's `SetNumberContours(99)`.
pub(super) const SCALE_LEVELS: u8 = 99;
/// First index of the named colours, see `palette`.
pub(super) const NAMED: u8 = SCALE + SCALE_LEVELS;

/// A rectangle in pixels; may reach beyond the canvas, where nothing is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rect {
    pub x: i32,
    pub y: i32,
    pub width: i32,
    pub height: i32,
}

impl Rect {
    pub fn right(&self) -> i32 {
        self.x + self.width
    }
    pub fn bottom(&self) -> i32 {
        self.y + self.height
    }
}

/// The picture while it is drawn.
#[derive(Debug, Default)]
pub(super) struct Canvas {
    pub width: i32,
    pub height: i32,
    pub pixels: Vec<u8>,
}

impl Canvas {
    /// White, of this size; memory is used again.
    pub fn clear(&mut self, width: u32, height: u32) {
        (self.width, self.height) = (width as i32, height as i32);
        self.pixels.clear();
        self.pixels.resize(width as usize * height as usize, WHITE);
    }

    /// A pixel of text: grey on white, black or nothing on colour.
    pub fn blend(&mut self, x: i32, y: i32, coverage: u8) {
        if coverage == 0 || !(0..self.width).contains(&x) || !(0..self.height).contains(&y) {
            return;
        }
        let pixel = &mut self.pixels[(y * self.width + x) as usize];
        if *pixel <= BLACK {
            *pixel = coverage.max(*pixel);
        } else if coverage > BLACK / 2 {
            *pixel = BLACK;
        }
    }

    pub fn fill(&mut self, rect: Rect, ink: u8) {
        let columns = rect.x.max(0)..rect.right().min(self.width);
        if columns.is_empty() {
            return;
        }
        for y in rect.y.max(0)..rect.bottom().min(self.height) {
            let row = (y * self.width) as usize;
            self.pixels[row + columns.start as usize..row + columns.end as usize].fill(ink);
        }
    }

    /// Copies the first row of a rectangle to all its others.
    pub fn repeat_first_row(&mut self, rect: Rect) {
        let (left, right) = (rect.x.max(0), rect.right().min(self.width));
        if left >= right || rect.y < 0 {
            return;
        }
        let first = (rect.y * self.width) as usize;
        let source = first + left as usize..first + right as usize;
        for y in rect.y + 1..rect.bottom().min(self.height) {
            self.pixels.copy_within(source.clone(), (y * self.width + left) as usize);
        }
    }

    pub fn horizontal(&mut self, x: i32, y: i32, length: i32, ink: u8) {
        self.fill(Rect { x, y, width: length, height: 1 }, ink);
    }

    /// From `a` to `b` downwards or upwards, both included.
    pub fn vertical(&mut self, x: i32, a: i32, b: i32, ink: u8) {
        let (top, bottom) = (a.min(b), a.max(b));
        self.fill(Rect { x, y: top, width: 1, height: bottom - top + 1 }, ink);
    }

    pub fn outline(&mut self, rect: Rect, ink: u8) {
        self.horizontal(rect.x, rect.y, rect.width, ink);
        self.horizontal(rect.x, rect.bottom() - 1, rect.width, ink);
        self.vertical(rect.x, rect.y, rect.bottom() - 1, ink);
        self.vertical(rect.right() - 1, rect.y, rect.bottom() - 1, ink);
    }

    pub fn disc(&mut self, x: f64, y: f64, radius: f64, ink: u8) {
        let reach = radius.ceil() as i32;
        for row in y as i32 - reach..=y as i32 + reach {
            let dy = f64::from(row) + 0.5 - y;
            let half = (radius * radius - dy * dy).max(0.0).sqrt();
            let (left, right) = ((x - half).round() as i32, (x + half).round() as i32);
            self.horizontal(left, row, right - left, ink);
        }
    }
}
