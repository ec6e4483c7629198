"""Everyday sentences of our own: what a conversion is compared on where no data is named."""

from __future__ import annotations

from bili2text.seq2seq.values import Pair

SAMPLES = tuple(
    Pair(zh, en)
    for zh, en in (
        ("你好，很高兴认识你。", "Hello, nice to meet you."),
        ("今天下午三点开会，别迟到。", "The meeting is at three this afternoon, do not be late."),
        ("这本书我已经看过两遍了。", "I have already read this book twice."),
        ("请把窗户关上，外面风很大。", "Please close the window, it is windy outside."),
        ("他从北京坐火车去上海。", "He takes the train from Beijing to Shanghai."),
        ("我们一共有12个人，需要三辆车。", "There are 12 of us, and we need three cars."),
        ("孩子们在公园里放风筝。", "The children are flying kites in the park."),
        ("对不起，我没听懂您的意思。", "Sorry, I did not understand what you mean."),
        ("如果明天下雨，比赛就推迟到星期六。", "If it rains tomorrow, the match is put off to Saturday."),
        ("这台机器比上一台便宜得多。", "This machine is much cheaper than the last one."),
        ("医生建议她每天散步半个小时。", "The doctor advises her to walk half an hour a day."),
        ("会议记录已经发到您的邮箱。", "The minutes have been sent to your mailbox."),
        ("那家餐厅的面条又好吃又便宜。", "The noodles in that restaurant are both good and cheap."),
        ("虽然很累，但是他们都很高兴。", "Although they are tired, they are all happy."),
        ("系统将在五分钟后重新启动。", "The system will restart in five minutes."),
        ("谁知道最近的地铁站在哪里？", "Who knows where the nearest subway station is?"),
        ("价格从每公斤4.5元涨到了6元。", "The price rose from 4.5 to 6 yuan a kilogram."),
        ("她一边听音乐，一边写作业。", "She listens to music while doing her homework."),
        ("科学家在海底发现了一种新的鱼。", "Scientists have found a new kind of fish on the sea floor."),
        ("谢谢大家，我们下个星期再见！", "Thank you all, see you next week!"),
    )
)
