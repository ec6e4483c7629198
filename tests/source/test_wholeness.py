import pytest

from bili2text.source.wholeness import proves_whole

TELLING = [
    ("a.wav", "pcm_s16le", "wav", {}),
    ("a.aiff", "pcm_s16be", "aiff", {}),
    ("a.m4a", "aac", "ipod", {}),
    ("fast.m4a", "aac", "ipod", {"movflags": "faststart"}),
    ("a.flac", "flac", "flac", {}),
    ("a.oga", "flac", "ogg", {}),
    ("a.opus", "libopus", "ogg", {}),
    ("a.webm", "libopus", "webm", {}),
    ("a.mka", "flac", "matroska", {}),
    ("a.mp3", "libmp3lame", "mp3", {}),
    ("rf64.wav", "pcm_s16le", "wav", {"rf64": "always"}),
]
SILENT = [
    ("bare.mp3", "libmp3lame", "mp3", {"write_xing": "0"}),
    ("a.ts", "aac", "mpegts", {}),
    ("a.aac", "aac", "adts", {}),
    ("frag.mp4", "aac", "mp4", {"movflags": "frag_keyframe+empty_moov", "frag_duration": "500000"}),
]


@pytest.mark.parametrize(("name", "codec", "container", "extra"), TELLING, ids=[row[0] for row in TELLING])
def test_a_whole_file_proves_it_and_a_cut_one_proves_that(name, codec, container, extra, encoded, tmp_path):
    data = encoded(name, codec, container, **extra)
    path = tmp_path / name
    path.write_bytes(data)
    assert proves_whole(path) is True
    for kept in (len(data) - 2, len(data) * 3 // 4, len(data) // 2, 200):
        path.write_bytes(data[:kept])
        assert proves_whole(path) is not True, kept


@pytest.mark.parametrize(("name", "codec", "container", "extra"), SILENT, ids=[row[0] for row in SILENT])
def test_a_file_that_cannot_tell_says_so(name, codec, container, extra, encoded, tmp_path):
    path = tmp_path / name
    path.write_bytes(encoded(name, codec, container, **extra))
    assert proves_whole(path) is None


@pytest.mark.parametrize(
    "head",
    [b"RIFF", b"OggS", b"fLaC", b"ID3", b"\x1a\x45\xdf\xa3", b"\x00\x00\x00\x20ftyp", b"\xff\xfb", b"?"],
)
def test_broken_bytes_never_raise(head, tmp_path):
    path = tmp_path / "x"
    for tail in (b"", b"\x00", b"\xff" * 200, bytes(300), bytes(range(256)) * 3):
        path.write_bytes(head + tail)
        assert proves_whole(path) in (True, False, None)
