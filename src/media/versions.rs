//! What FFmpeg is linked, for `fnac doctor`.

use ffmpeg_next as ff;

/// Names and versions of the FFmpeg libraries in use, such as `("libavcodec", "59.37.100")`.
pub fn ffmpeg_versions() -> Vec<(&'static str, String)> {
    let text = |v: u32| format!("{}.{}.{}", v >> 16, v >> 8 & 0xff, v & 0xff);
    vec![
        ("libavcodec", text(ff::codec::version())),
        ("libavformat", text(ff::format::version())),
        ("libavutil", text(ff::util::version())),
        ("libswscale", text(ff::software::scaling::version())),
        ("libswresample", text(ff::software::resampling::version())),
    ]
}

/// Whether a codec can be read and written here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodecSupport {
    /// Name of the format.
    pub name: &'static str,
    /// Name of the decoder in use.
    pub decoder: Option<String>,
    /// Name of the encoder in use.
    pub encoder: Option<String>,
}

/// Support for the formats that people bring, in a fixed order.
pub fn codecs() -> Vec<CodecSupport> {
    use ff::codec::Id;
    super::init_ffmpeg();
    let list: [(&str, Id, &[&str], &[&str]); 13] = [
        ("H.264", Id::H264, &[], &["libx264"]),
        ("HEVC", Id::HEVC, &[], &["libx265"]),
        ("VP9", Id::VP9, &[], &["libvpx-vp9"]),
        ("AV1", Id::AV1, &["libdav1d", "libaom-av1", "libgav1"], &["libsvtav1", "libaom-av1"]),
        ("MPEG-4", Id::MPEG4, &[], &[]),
        ("ProRes", Id::PRORES, &[], &[]),
        ("JPEG", Id::MJPEG, &[], &[]),
        ("PNG", Id::PNG, &[], &[]),
        ("AAC", Id::AAC, &[], &[]),
        ("Opus", Id::OPUS, &[], &["libopus"]),
        ("Vorbis", Id::VORBIS, &[], &["libvorbis"]),
        ("MP3", Id::MP3, &[], &["libmp3lame"]),
        ("FLAC", Id::FLAC, &[], &[]),
    ];
    let entry = |(name, id, decoders, encoders): (&'static str, Id, &[&str], &[&str])| {
        let decoder = decoders.iter().find_map(|n| ff::decoder::find_by_name(n));
        let decoder = decoder.or_else(|| ff::decoder::find(id).filter(|_| decoders.is_empty()));
        let encoder = encoders.iter().find_map(|n| ff::encoder::find_by_name(n));
        let encoder = encoder.or_else(|| ff::encoder::find(id));
        CodecSupport {
            name,
            decoder: decoder.map(|c| c.name().to_string()),
            encoder: encoder.map(|c| c.name().to_string()),
        }
    };
    list.into_iter().map(entry).collect()
}
