"""What `bench.spelling` asks for: words and phrases of three scripts, the paintings that they stand in, and words of
scripts that OCR does not know or hardly knows.

As people ask for them: signs, labels, greetings, prices, times, names, titles; look-alikes among them.
"""

_LATIN = """
OPEN|CLOSED|SALE|EXIT|STOP|TAXI|BAKERY|NO SMOKING|WET PAINT|DO NOT ENTER|MIND THE GAP|KEEP LEFT|FOR RENT
SOLD OUT|PUSH|BEWARE OF THE DOG|HAPPY BIRTHDAY|MERRY CHRISTMAS|THANK YOU|WELCOME HOME|JUST MARRIED|LOST CAT
FREE HUGS|Good morning|Hello World|Fresh bread|Home sweet home|Once upon a time|Wish you were here
To be continued|See you soon|The End|Made with love|Handle with care|This side up|Out of order
Back in five minutes|Ask me anything|I love NY|Illinois|Allison & Will|Little Italy|Hello, Lilli!|Level 10
Room 101|Gate 14B|Platform 9|Highway 61|eat your greens|keep calm|carpe diem|made in china|smile|slow down
dream big|be kind|open 24 hours|flat white|old book shop|lemon tree|under the sea|the quick brown fox
jumps over the lazy dog|iPhone|eBay|McDonald|YouTube|LaTeX|jQuery|PhD|OpenSSL|BoJack|DevOps|24 h|50 % off|$19.99
€5|£3.50|3 for 2|100%|No. 5|07:45|10:30–18:00|12/31/2026|555-0199|1,000,000|x = 42|3.14159|7 + 5 = 12
Wait, what?|Stop!|Why not?!|Q&A|rock 'n' roll|it’s on|don't panic|“Quote me”|C++|#winning|@home|a@b.org
(not) here|R2-D2|Café|Crème brûlée|naïve|Zoë|Ångström|Łódź|Dvořák|smörgåsbord|Fuß in Köln|Schöne Grüße
Señor Niño|São Paulo|garçon|TSCHÜSS|Wi-Fi: O0l1-x7Q|½ price|20 °C
"""
_CHINESE = """
你好|欢迎光临|营业中|出口|入口|小心地滑|禁止吸烟|生日快乐|新年快乐|恭喜发财|咖啡|茶|面包店|书店|药店|洗手间|停车场|火车站|打折|免费
谢谢|再见|我爱你|北京|上海|中国|世界和平|好好学习|天天向上|一路平安|早上好|晚安|今日特价|请勿打扰|推|拉|开放时间|红苹果|大海|春夏秋冬
"""
_JAPANESE = """
こんにちは|ありがとう|おはよう|さようなら|いらっしゃいませ|カフェ|ラーメン|すし|コーヒー|ホテル|トイレ|タクシー|バス|ケーキ|アイス|パン
カラオケ|スーパー|セール|ゲーム|ロボット|さくら|ねこ|いぬ|うみ|たんじょうび|おめでとう|がんばれ|東京タワー|営業中|準備中|非常口
お茶|花火|日本語|止まれ|きけん|あけまして|どうぞ|ひらがな
"""


def _listed(text: str) -> tuple[str, ...]:
    return tuple(phrase for line in text.strip().splitlines() for phrase in line.split("|"))


PHRASES: dict[str, tuple[str, ...]] = {
    "Latin": _listed(_LATIN),
    "Chinese": _listed(_CHINESE),
    "Japanese": _listed(_JAPANESE),
}
BEYOND: dict[str, tuple[str, ...]] = {
    "Greek": _listed("ΑΓΑΠΗ|ΚΑΛΗΜΕΡΑ|ΘΕΑΤΡΟ|ΕΞΟΔΟΣ|ΨΩΜΙ|ΔΕΛΦΟΙ|ΦΩΣ|ΟΛΥΜΠΟΣ|ΞΕΝΙΑ|Καλημέρα"),
    "Cyrillic": _listed("ОТКРЫТО|Привет|Добро пожаловать"),
    "Hebrew": _listed("שלום|פתוח"),
    "Arabic": _listed("مرحبا|مفتوح"),
    "Hindi": _listed("नमस्ते"),
    "Thai": _listed("สวัสดี"),
    "Korean": _listed("안녕하세요|영업중"),
}
"""Scripts that can be set, of which OCR knows few characters or none."""
PAINTINGS = (
    "a red apple",
    "a red apple on the beach",
    "an orange cat in a cardboard box",
    "two blue balloons at night",
    "a pizza on grass",
    "a house in the snow",
    "three yellow stars in the night sky",
    "a purple hat on a pink background",
    "a green frog next to a purple mushroom in a room",
    "four fish in the sea",
    "a rocket at sunset",
    "a red car in front of a house",
    "a white rabbit on a brown background",
    "a cake with three strawberries in a room",
    "an owl above a tree",
    "a panda on a gray background",
)
