//! A picture -> pieces that every client takes: one message may have 4 MiB, a picture more.

use bytes::Bytes;
use hydra_proto::query as pb;

/// Longest piece, bytes.
const PIECE: usize = 1 << 20;

/// The picture piece by piece; the first says what it is.
pub fn pieces(tag: String, name: &str, mut png: Bytes) -> Vec<pb::GetPictureResponse> {
    let first = pb::GetPictureResponse {
        size_bytes: png.len() as u64,
        data: png.split_to(PIECE.min(png.len())),
        tag,
        file_name: format!("{name}.png"),
        media_type: "image/png".to_owned(),
    };
    let mut pieces = vec![first];
    while !png.is_empty() {
        let data = png.split_to(PIECE.min(png.len()));
        pieces.push(pb::GetPictureResponse { data, ..Default::default() });
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_picture_is_the_sum_of_pieces_that_every_client_takes() {
        let png: Bytes = (0..PIECE * 5 / 2).map(|at| at as u8).collect();
        let told = pieces("tag".into(), "CDC_7", png.clone());
        assert_eq!(
            told.iter().map(|one| one.data.len()).collect::<Vec<_>>(),
            [PIECE, PIECE, PIECE / 2]
        );
        assert_eq!(told.iter().flat_map(|one| one.data.clone()).collect::<Bytes>(), png);
        assert_eq!(
            (told[0].size_bytes, told[0].file_name.as_str()),
            (png.len() as u64, "CDC_7.png")
        );
        assert!(told[1..].iter().all(|one| one.tag.is_empty() && one.size_bytes == 0));
    }
}
