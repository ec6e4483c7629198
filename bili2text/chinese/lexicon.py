"""Words in which a number is no number, or is always written as it is. Data."""

from __future__ import annotations

import re

# Numerals up to ten and pairs of digits are left alone by rule (一起, 三心二意, 星期三): here are only
# words that the rules would take for a number, a date or a time.
_WORDS = """
一千零一夜 一五一十 三百六十行 三十六计 三十六策 二百五 七十二变 七十二行 九九八十一 三七二十一
三六九等 十万火急 十万八千里 十万个为什么 一万个为什么 五十步笑百步 十八般武艺 十八罗汉 十八层地狱
十三太保 十三香 十三邀 十三经 十二生肖 十二时辰 二十四节气 二十四史 二十四孝 二十八宿 三十而立
六十甲子 一百零八将 四十二章经 三十年河东 三十年河西 十一假期 十一长假 十一黄金周 十一国庆 双十一
双十二 年三十 腊月三十 正月十五 七月十五 八月十五 九月九 三月三 五月天 烟花三月 七月流火 九一八
一二九 二二八 三一八 十七大 十八大 十九大 二十大 一点一滴 一点一点 一点半点 两点一线 三点一线 三二一
四三二一 五四三二一 六七八 七八九 三五七 一一二二
"""
_SHIPS = "(?:神舟|天舟|长征|歼)[一二三四五六七八九十]+"
KEPT = re.compile("|".join((_SHIPS, *sorted(_WORDS.split(), key=len, reverse=True))))

# Digits that are words among Bilibili's viewers, or names: nobody says 六百六十六
SLANG = re.compile(
    r"6{2,}|23{2,}|88|886|520|521|1314|996|007|985|211|404|250|110|119|120|12306|10086|315|8{3,}|9{3,}"
)

# Before these even a small number is written in digits
UNITS = (
    "元|美元|欧元|日元|块钱|公里|千米|厘米|毫米|微米|纳米|平方|公斤|千克|毫克|毫升|分钟|小时|秒钟|岁|摄氏度|华氏度|兆|"
    "千瓦|赫兹|伏|瓦"
)
# Before these two is 两, not 二
MEASURES = (
    "个|位|只|条|张|种|件|名|次|天|年(?!级)|周|岁|分钟|小时|秒|块|元|本|部|台|辆|套|份|遍|倍|家|间|座|层|杯|瓶|口|句|段|"
    "场|集|季(?!度)|项|点|公里|米|斤|公斤|吨|人|万|亿|千"
)
