//! Files put together by hand, so that every rule of a format can be broken.

use flate2::{Compress, Compression, FlushCompress, write::ZlibEncoder};
use std::io::Write;

/// First bytes of every PNG.
pub const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// A chunk with its checksum.
pub fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut crc = crc32fast::Hasher::new();
    crc.update(kind);
    crc.update(data);
    let len = (data.len() as u32).to_be_bytes();
    [&len[..], kind, data, &crc.finalize().to_be_bytes()].concat()
}

/// A header chunk.
pub fn ihdr(width: u32, height: u32, depth: u8, colour: u8, interlaced: bool) -> Vec<u8> {
    let mut data = [width.to_be_bytes(), height.to_be_bytes()].concat();
    data.extend([depth, colour, 0, 0, interlaced.into()]);
    chunk(b"IHDR", &data)
}

/// The signature, `chunks`, and the end chunk.
pub fn png(chunks: &[Vec<u8>]) -> Vec<u8> {
    [PNG_SIGNATURE, &chunks.concat(), &chunk(b"IEND", b"")].concat()
}

/// `bytes` as a zlib stream.
pub fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(bytes).expect("a vector takes every write");
    encoder.finish().expect("a vector takes every write")
}

/// A zlib stream of at least `len` zero bytes, about a thousandth of that in size: one block of a
/// mebibyte, compressed once and repeated (RFC 1950, 1951).
pub fn zlib_zeros(len: u64) -> Vec<u8> {
    const BLOCK: usize = 1 << 20;
    let blocks = len.div_ceil(BLOCK as u64);
    let mut encoder = Compress::new(Compression::best(), false);
    let mut block = Vec::with_capacity(BLOCK);
    // A full flush ends on a byte and forgets what was before: the block can stand anywhere.
    encoder
        .compress_vec(&[0; BLOCK], &mut block, FlushCompress::Full)
        .expect("a vector takes every write");
    let mut stream = vec![0x78, 0xDA];
    (0..blocks).for_each(|_| stream.extend_from_slice(&block));
    // An empty final block, then Adler-32, which of n zeros is n (mod 65521) and 1.
    stream.extend([0x03, 0x00]);
    let sum = ((blocks * BLOCK as u64 % 65_521) as u32) << 16 | 1;
    stream.extend(sum.to_be_bytes());
    stream
}

/// What a hand-made JPEG looks like: every block is empty, so every pixel is the middle value.
pub struct Jpeg {
    /// Pixels.
    pub width: u16,
    /// Pixels.
    pub height: u16,
    /// 1, 3 or 4, without subsampling.
    pub components: u8,
    /// Start-of-frame marker: `C0` baseline, `C2` progressive, others are not decodable.
    pub frame: u8,
    /// Scans over the whole image (progressive: after the first, of the first component).
    pub scans: u32,
    /// Sample precision in bits.
    pub precision: u8,
}

impl Default for Jpeg {
    fn default() -> Self {
        Self { width: 16, height: 8, components: 3, frame: 0xC0, scans: 1, precision: 8 }
    }
}

impl Jpeg {
    /// The file (ITU-T T.81, annexes B and F).
    pub fn bytes(&self) -> Vec<u8> {
        let mut file = vec![0xFF, 0xD8];
        segment(&mut file, 0xDB, &[&[0][..], &[1; 64]].concat());
        let mut frame = vec![self.precision];
        frame.extend(self.height.to_be_bytes());
        frame.extend(self.width.to_be_bytes());
        frame.push(self.components);
        (1..=self.components).for_each(|id| frame.extend([id, 0x11, 0]));
        segment(&mut file, self.frame, &frame);
        // One code of one bit each: DC "no difference"; AC "end of block", or in a progressive
        // scan "a run of at least 2^14 empty blocks".
        let progressive = self.frame == 0xC2;
        let one_code = |class: u8, symbol: u8| {
            let mut table = vec![class, 1];
            table.extend([0; 15]);
            table.push(symbol);
            table
        };
        segment(&mut file, 0xC4, &one_code(0x00, 0));
        segment(&mut file, 0xC4, &one_code(0x10, if progressive { 0xE0 } else { 0 }));
        let blocks = usize::from(self.width).div_ceil(8) * usize::from(self.height).div_ceil(8);
        let all = blocks * usize::from(self.components);
        self.scan(&mut file, self.components, if progressive { (0, 0) } else { (0, 63) });
        file.extend(zero_bits(if progressive { all } else { all * 2 }));
        for _ in 1..self.scans {
            self.scan(&mut file, 1, (1, 63));
            // Code 0, then 14 bits that say how far the run goes beyond 2^14: not at all.
            file.extend(zero_bits(blocks.div_ceil(1 << 14) * 15));
        }
        file.extend([0xFF, 0xD9]);
        file
    }

    fn scan(&self, file: &mut Vec<u8>, components: u8, (from, to): (u8, u8)) {
        let mut scan = vec![components];
        (1..=components).for_each(|id| scan.extend([id, 0]));
        scan.extend([from, to, 0]);
        segment(file, 0xDA, &scan);
    }
}

fn segment(file: &mut Vec<u8>, marker: u8, body: &[u8]) {
    file.extend([0xFF, marker]);
    file.extend((body.len() as u16 + 2).to_be_bytes());
    file.extend(body);
}

/// `bits` zero bits, filled up with ones to whole bytes.
fn zero_bits(bits: usize) -> Vec<u8> {
    let mut bytes = vec![0; bits / 8];
    if !bits.is_multiple_of(8) {
        bytes.push(0xFF >> (bits % 8));
    }
    bytes
}

/// A GIF of one frame, all of colour 1 of `[black, red]`.
pub fn gif(width: u16, height: u16) -> Vec<u8> {
    let mut file = Vec::new();
    let palette = [0, 0, 0, 255, 0, 0];
    let mut encoder =
        gif::Encoder::new(&mut file, width, height, &palette).expect("a vector takes every write");
    let pixels = vec![1; usize::from(width) * usize::from(height)];
    let frame = gif::Frame { width, height, buffer: pixels.into(), ..Default::default() };
    encoder.write_frame(&frame).expect("a vector takes every write");
    drop(encoder);
    file
}
