"""A site for tests, spoken by yt-dlp through its own plugin folder: http://127.0.0.1:PORT/site/NAME.

What it offers is the JSON that the fault server answers under api/NAME: an info dictionary as extractors
return it, with "warn" (said as a warning) and "fail" (raised as an expected error) besides.
"""

from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.utils import ExtractorError


class LoopbackIE(InfoExtractor):
    _VALID_URL = r"(?P<root>http://127\.0\.0\.1:\d+)/site/(?P<id>[^/?#]+)"

    def _real_extract(self, url):
        root, name = self._match_valid_url(url).group("root", "id")
        answer = self._download_json(f"{root}/api/{name}", name)
        for text in answer.pop("warn", []):
            self.report_warning(text)
        if "fail" in answer:
            raise ExtractorError(answer["fail"], expected=True)
        if answer.pop("crash", False):
            raise TypeError("'NoneType' object is not subscriptable")
        return answer
