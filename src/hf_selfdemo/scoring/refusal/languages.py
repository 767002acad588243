"""Rules for ten languages besides English, for simple wordings only."""

from __future__ import annotations

from hf_selfdemo.scoring.refusal.rules import rule

_GERMAN = rule(
    "nicht kein keine keinen keiner keinerlei nichts unbekannt unzureichend unzureichende wenig",
    r"(\bich (?:weiß|weiss|kenne|kann|finde|habe|bin|konnte|könnte)\b.*\b(?:nicht|keine?\w*))",
    r"(\b(?:kann|weiß|finde|habe|konnte) (?:ich|man) .*\b(?:nicht|keine?\w*))",
    r"(\b(?:text|textes|texte|texten|passagen?|abschnitt\w*|dokument\w*|quellen?|absatz|absätze\w*|artikel\w*"
    r"|kontext\w*"
    r"|auszüge\w*|angaben)\b.*\b(?:nicht|nichts|keine?\w*)\b)",
    r"(\b(?:wird|werden|wurde|ist|sind|lässt sich|kann|geht)\b.*\bnicht (?:\w+ )?(?:erwähnt|angegeben|genannt|hervor"
    r"|beantwort\w+|ersichtlich|bestimm\w+|bekannt|enthalten|gesagt|möglich|feststell\w+|angeführt|klar"
    r"|ermittel\w+)\b)",
    r"(\bsteht (?:\w+ )?nichts? (?:im|in (?:dem|der|den|diese[mnr])) (?:\w+ )?(?:text|passage|abschnitt|dokument|quelle"
    r"|absatz|artikel|kontext|auszug|auszüge)\w*)",
    r"^(?:leider )?((?:nicht|un)(?: ?\w+)? ?(?:bekannt|erwähnt|angegeben|genannt|beantwortbar|klar)"
    r"|keine (?:ahnung|information\w*|angaben?|antwort))\b",
    r"(\b(?:keine|nicht genug|nicht genügend|unzureichende|zu wenig) (?:\w+ )?(?:information\w*|angaben|hinweise?|daten"
    r"|antwort))\b",
    r"(\bist unbekannt)$",
    r"(\b(?:lässt|lassen) (?:es |das |dies )?sich\b.*\bnicht (?:sagen|feststellen|bestimmen|beantworten|ermitteln))\b",
    r"(\bwird nirgend(?:s|wo) (?:\w+ )?(?:gesagt|erwähnt|genannt|angegeben))\b",
)
_FRENCH = rule(
    "ne n aucun aucune impossible insuffisante insuffisantes inconnu inconnue ignore",
    r"(\bje (?:ne |n').*\b(?:pas|aucune?|rien)|\bje l'ignore|\bj'ignore)\b",
    r"(\b(?:passages?|textes?|documents?|extraits?|contexte|articles?|sources?)\b.*\b(?:ne|n')\b.*"
    r"\b(?:pas|aucune?|rien|ni)\b)",
    r"((?:\bn'est|\bne sont|\bn'a|\bn'ont) pas (?:été |\w+ment )?(?:précis\w+|mentionn\w+|indiqu\w+|donn\w+|possible"
    r"|claire?|connue?s?|spécifi\w+|fourni\w*|nomm\w+))",
    r"(\bne (?:se trouve|figure|peut|permet\w*|sont)\b.*\bpas\b)",
    r"((?:\baucune|\bpas d'|\bpas assez d'|\bmanque d')(?: ?idée| ?informations?| ?mention| ?réponse| ?indication))\b",
    r"(\bn'y (?:figure|est|sont) (?:\w+ )?pas|\bne pas répondre)\b",
    r"(\bimpossible (?:de|à) (?:dire|déterminer|savoir|répondre))\b",
    r"(\binformations? insuffisantes?|\best inconnue?|^inconnue?)$",
)
_SPANISH = rule(
    "no tampoco ni insuficiente desconoce desconocido desconocida imposible"
    " & el los la las de en lo se sé puedo tengo hay está idea que información",
    r"(\bno (?:lo |la |le )?(?:sé|puedo|conozco|encuentro|encontré|podemos|dispongo)\b)",
    r"(\bno (?:tengo|poseo|cuento con) (?:ni idea|idea|la menor|información|suficiente|esa|datos|acceso|la respuesta"
    r"|conocimiento))",
    r"(\b(?:textos?|pasajes?|documentos?|fragmentos?|contexto|artículos?|fuentes?|párrafos?)\b.*\b(?:no|tampoco|ni)\b"
    r" (?:\w+ )?(?:menciona|dice|indica|especifica|contiene|proporciona|da|ofrece|aporta|responde|incluye|nombra|habla"
    r"|revela|hay)\w*)",
    r"(\bno (?:se |está |es |son |viene |aparece |figura )(?:\w+mente )?(?:menciona|indica|especifica|dice|proporciona"
    r"|encuentra|puede|sabe|posible|claro|present|conoce|da\b|dan\b|en (?:el|los) (?:texto|pasaje|documento"
    r"|contexto|fragmento)|disponible)\w*)",
    r"(\bno hay (?:\w+ )?(?:información|datos|mención|respuesta|detalles|suficiente\w*))",
    r"(\bni idea|\binformación insuficiente|\bse desconoce)\b",
    r"(\bimposible (?:saber|determinar|decir|responder))\b",
    r"^(desconocid[oa]|no (?:mencionad|especificad|indicad)[oa])$",
)
_ITALIAN = rule(
    "non nessuna alcuna insufficienti impossibile sconosciuto sconosciuta",
    r"(\bnon (?:lo |la |ne )?(?:so|conosco|posso|trovo|saprei|sono in grado|riesco|dispongo)\b)",
    r"(\bnon (?:ne )?ho (?:idea|alcuna|nessuna|informazioni|abbastanza|la risposta|accesso))",
    r"(\b(?:testo|testi|bran[oi]|passagg?[io]|passi|document[oi]|contesto|articol[oi]|font[ei]|estratt[oi])\b.*\bnon\b"
    r" (?:\w+ )?(?:dic|menzion|indic|specific|conten|contien|fornisc|riport|rispond|nomin|parl|citan?|d[aà])\w*)",
    r"(\bnon (?:è|viene|sono|vengono|si) (?:\w+mente )?(?:indicat|menzionat|specificat|present|possibil|dett|riportat"
    r"|chiar|evinc|not|fornit|disponibil|può|sa\b|dice|trova|nominat)\w*)",
    r"(\bnon (?:ci sono|c'è) (?:\w+ )?(?:informazion\w+|dettagli|dati|abbastanza|rispost\w|menzione))",
    r"(\b(?:nessuna|alcuna) (?:idea|informazione|risposta|menzione)|\binformazioni insufficienti)\b",
    r"(\bimpossibile (?:dire|sapere|stabilire|determinare|rispondere))\b",
    r"((?:^|\bè )sconosciut[oa])$",
)
_PORTUGUESE = rule(
    "não nem nenhuma insuficientes impossível desconhecido desconhecida",
    r"(\bnão (?:o |a )?(?:sei|posso|conheço|encontro|encontrei|consigo|podemos|faço ideia|disponho)\b)",
    r"(\bnão (?:tenho|possuo) (?:ideia|informaç\w+|certeza de|essa|dados|acesso|a resposta|conhecimento|como))",
    r"(\b(?:textos?|trechos?|passage(?:m|ns)|documentos?|contexto|artigos?|fontes?|parágrafos?|excertos?)\b.*"
    r"\b(?:não|nem)\b (?:\w+ )?(?:menciona|diz|indica|especifica|cont[ée]m|fornece|dá|oferece|responde|inclu|nomeia"
    r"|informa|fala|revela)\w*)",
    r"(\bnão (?:se |está |é |são |foi |há como )(?:\w+mente )?(?:menciona|indica|especifica|diz|encontra|pode|sabe"
    r"|possível|clar|present|disponíve|conhecid|mencionad|informad|dad[oa]|determinar|saber|no texto|nos )\w*)",
    r"(^não consta|\bnão consta (?:d?[oe]|n[oa]s?|em)\b)",
    r"(\bnão há (?:\w+ )?(?:informaç|dados|menção|resposta|detalhes|suficiente)\w*)",
    r"(\bnenhuma (?:ideia|informação|resposta|menção)|\binformações insuficientes)\b",
    r"(\bimpossível (?:saber|determinar|dizer|responder))\b",
    r"((?:^|\bé )desconhecid[oa])$",
)
_DUTCH = rule(
    "niet geen niets onvoldoende weinig onbekend",
    r"(\bik (?:weet|kan|heb|ken|vind|kon|ben)\b.*\b(?:niet|geen)\b)",
    r"(\b(?:kan|weet|vind|heb) ik\b.*\b(?:niet|geen)\b)",
    r"(\b(?:passages?|teksten?|tekst|documenten?|document|fragmenten?|fragment|context|artikel|bronnen|bron)\b.*"
    r"\b(?:niet|geen|niets)\b)",
    r"(\bniet (?:in|uit) (?:de|het|deze|dit) (?:\w+ )?(?:passages?|tekst\w*|document\w*|fragment\w*|context|artikel"
    r"|bron\w*))\b",
    r"(\b(?:wordt|worden|is|zijn|werd|valt)\b.*\bniet (?:\w+ )?(?:genoemd|vermeld|gegeven|aangegeven|bekend|duidelijk"
    r"|te (?:bepalen|zeggen|beantwoorden)|beantwoord|gespecificeerd|mogelijk))\b",
    r"(\b(?:geen|onvoldoende|niet genoeg|te weinig) (?:\w+ )?(?:idee|informatie|antwoord|vermelding|gegevens"
    r"|context))\b",
    r"(\bstaat (?:er|hier|daar) (?:ook )?niet (?:in|bij))\b",
    r"(\bis onbekend|^onbekend|^niet (?:vermeld|genoemd|bekend))$",
)
_POLISH = rule(
    "nie brak mało niewystarczająco niewystarczające nieznany nieznana nieznane",
    r"((?:^|\bale |\bniestety |\bi )(?:ja )?nie (?:wiem|mogę|znam|jestem w stanie|znalazłe?a?m|znajduję|potrafię|umiem"
    r"|posiadam|jestem pewn))",
    r"(\bnie mam (?:pojęcia|informacji|danych|dostępu|wystarczając|tej|takiej))",
    r"(\b(?:fragment|tekst|tekśc|pasaż|dokument|kontekst|artykuł|źród)\w*\b.*\bnie (?:\w+ )?(?:wspomina|poda|mówi"
    r"|zawiera|określa|wymienia|odpowiada|ma\b|mają|wynika|informuj|precyzuj|da\b|można|jest)\w*)",
    r"(\bnie (?:ma|podano|wspomniano|wiadomo|da się|można|określono|zostało?a?|jest)\b.*(?:informacji|odpowiedzi"
    r"|wzmianki|ustalić|określić|powiedzieć|odpowiedzieć|stwierdzić|podan\w+|wspomnian\w+|możliwe|jasne))",
    r"(\bbrak (?:\w+ )?(?:informacji|danych|odpowiedzi|wzmianki)|\bza mało informacji"
    r"|\bniewystarczając\w+ (?:informacj\w+|dan\w+))",
    r"^(nie (?:wiadomo|podano|wspomniano|określono)|nieznan[eya])",
    r"(\bjest nieznan[eya])$",
    r"(\bnie ma w (?:tekście|tych|podanych))",
)
_CHINESE = rule(
    "不 无 没 缺 未",
    r"(我\w*(?:找不到|没有?找到|没有?看到|不知道))",
    r"(^但(?:是)?(?:并)?(?:没有|未|没)(?:说|提|写|给|指|明|交代))",
    r"((?:^|我们?|也|并|还|抱歉|但)(?:真的|其实|也|并|还)?(?:不知道|不清楚|不了解|不确定|无法|不能|没有办法|找不到))",
    r"(无法(?:从\w*)?(?:回答|确定|判断|得知|得到|得出|提供|找到|推断|确认))",
    r"((?:文|段|资料|材料|上下文|信息|答案|问题)\w*(?:没有|并没有|并未|未|无法|不能)\w{0,4}"
    r"(?:提到|提及|说明|提供|给出|答案|找到|包含|指出|回答|提|涉及|写))",
    r"((?:没有|缺乏|缺少)(?:足够|相关|任何)?的?(?:信息|资料|答案|依据|数据)|信息不足|资料不足)",
    r"^(未知|不详|不明|无答案|没有提到|未提及|没有说明)",
)
_JAPANESE = rule(
    "ん な 不 か",
    r"((?:記載|情報|言及|記述|回答|該当)(?:は|が)?なし)",
    r"((?:出て|挙げられて|載って|触れられて)(?:きません|こない|いません|いない))",
    r"((?:わか|分か|判)り(?:ません|かねます)|(?:わか|分か)らない$|知りません|存じません|存じ上げません)",
    r"((?:お)?答え(?:する(?:こと|の)は?)?(?:が)?(?:でき(?:ません|ない|かねます)|られません|しかねます))",
    r"(判断(?:が|は)?(?:でき|つき)(?:ません|ない)|(?:特定|確認)(?:が|は)?でき(?:ません|ない))",
    r"((?:書かれて|記載されて|述べられて|言及されて|示されて|触れられて|記されて|含まれて)い(?:ません|ない)"
    r"|(?:記載|言及|記述|情報|回答|答え)(?:が|は|も)(?:ありません|ない))",
    r"(情報が?(?:不足|不十分|足りません)|見(?:つかり|当たり)ません(?:でした)?|見つ(?:かり|けられ|けることができ)ません(?:でした)?|不明(?:です)?$)",
)
_RUSSIAN = rule(
    "не нет невозможно неизвестно",
    r"((?:^|\bно |\bи )я (?:\w+ )?не (?:знаю|могу|нашел|нашёл|нашла|уверен\w*|располагаю))",
    r"(^не (?:знаю|могу|указан\w*|упомина\w+|известно|сказано|найден\w*|уверен\w*))",
    r"(\bне (?:указан\w*|упомина\w+|упомянут\w*|сказано|говорится|сообщается|привод\w+|назван\w*|содерж\w+|определен\w*"
    r"|известно|ясно|удалось найти))\b",
    r"(\bнет (?:\w+ )?(?:ответа|информации|данных|сведений|упоминани\w+))",
    r"(\b(?:определить|сказать|установить|ответить)\b.*\bневозможно|\bневозможно (?:определить|сказать|установить"
    r"|ответить))",
)
_ASKING = rule(
    "riferisce intende dire meinen meinst meint voulez parlez refiere refieres intende intendi refere referes"
    " bedoelt bedoel chodzi"
    " myśli имеете имеешь"
    " 指 说 问 ど",
    r"^(welche[rsnm]? .*\b(?:meinen sie|meinst du)|meinen sie|meinst du|(?:de )?quel\w* .*\b(?:parlez|voulez)-vous)\b",
    r"^(¿?(?:a|de) (?:qué|cuál) .*\bse? refieres?|¿?te refieres|a qual .* se refere|a quale .* (?:intende|si"
    r" riferisce))\b",
    r"^((?:welke?|wat) .*\bbedoel(?:t u| je|t)|bedoelt u|bedoel je|o któr\w+ .*\bchodzi|(?:czy )?ma\w* .* na myśli)\b",
    r"^(как\w+ .*\b(?:вы имеете|ты имеешь) в виду|(?:вы имеете|ты имеешь) в виду)",
    r"((?:请问)?(?:您|你)(?:指|说|问)的?(?:是哪|哪)|^(?:どちら|どの|どれ)\w*(?:でしょうか|ですか)$)",
)
_ANY = rule(
    "non no não pas ne n niet nicht nie не sin",
    r"(\b(?:non|no|não|pas)\b(?: \w+){0,2}? (?:précis|mentionn|indiqu|spécifi|fourni|menzionat|indicat|specificat"
    r"|riportat|fornit"
    r"|dichiarat|especificad|mencionad|indicad|informad)\w*)",
    r"(\b(?:n'est|n'était|no (?:está|es)|non è|não está|niet|nicht|nie jest) (?:\w+ )?(?:disponible|disponibile"
    r"|disponível"
    r"|beschikbaar|verfügbar|dostępn\w))",
    r"(\b(?:je n'ai pas|no he|non ho|não|ich habe\b.* nicht) (?:trouvé|encontrado|trovato|encontrei|gefunden))",
    r"(\b(?:no|non|não) (?:compare|aparece|figura|consta)\b)",
    r"(\bn'est pas (?:dit|connu|clair|donné)\w*|\bsin (?:respuesta|información|datos)\b)",
)
_IMPOSSIBLE = rule(
    "impossible imposible impossibile impossível неизвестно недоступна недоступно fehlt 可用",
    r"(\b(?:impossible|imposible|impossibile|impossível) (?:de|à|a)? ?(?:l[eao]s? |l')?(?:déterminer|dire|savoir"
    r"|établir|répondre"
    r"|determinar|saber|decir|dizer|responder|determinare|stabilir|dire|sapere|rispondere)\w*)",
    r"^(?:это )?(неизвестно)$|(\bнедоступн\w+)|(\b(?:angabe|information|antwort|name|jahr|datum"
    r"|zahl) fehlt)$|((?:不|没有)可用)",
)
RULES = (
    _ANY,
    _IMPOSSIBLE,
    _GERMAN,
    _FRENCH,
    _SPANISH,
    _ITALIAN,
    _PORTUGUESE,
    _DUTCH,
    _POLISH,
    _CHINESE,
    _JAPANESE,
    _RUSSIAN,
    _ASKING,
)

SPEAKS_WORDS = (
    "text texte texten textes passage passagen abschnitt abschnitte abschnitten dokument dokumente dokumenten"
    " extrait extraits"
    " documento documentos texto textos pasaje pasajes fragmento fragmentos testo testi brano brani trecho"
    " trechos tekst teksty"
    " tekstach teksten tekstu tekście fragment fragmenty fragmenten fragmentach текст тексте тексты текстах отрывок"
    " отрывке отрывки"
    " отрывках документ документе документы документах"
)
SPEAKS_OF_PASSAGES = rf"\b(?:{'|'.join(SPEAKS_WORDS.split())})\b"
OF_PASSAGES = (
    rule(
        "nicht kein keine keinen pas no non não niet geen nie не",
        r"^(?:aber|jedoch|mais|pero|ma|mas|maar|ale|lecz|но) (?:\w+ )?(nicht|keine?n?|pas|no|non|não|niet|geen"
        r"|nie|не)\b",
        r"^(?:mais|pero|ma|mas|maar|ale|но) (?:ne |n')?((?:no|non|não|nie|не|ne) ?\w+)",
    ),
)
"""Rules for replies that mention passages, e.g. "The text describes the mill, but not who built it"."""

# --- used by `commitment`, `remarks` and `statements`
NEGATIVE = (
    r"\b(?:не|нет|невозможно|anderswo|nicht|nichts|keine?\w*|weder|pas|aucune?|rien|tampoco|non|não|nem|nenhum\w*"
    r"|niet|geen|niets|nie|żad\w+)\b"
    r"|[不没未無]|ません|ない"
)
CONTRAST = r"(?:но|aber|mais|pero|ma|mas|porém|maar|ale)\b|但|不过|可是"
SUBORDINATE = (
    r"^(?:obwohl|wobei|auch wenn|bien que|même si|quoique|aunque|anche se|sebbene|benché|embora|ainda que|hoewel|choć"
    r"|chociaż|mimo że)\b"
)
GUESS = (
    r"\b(?:wohl|vermutlich|wahrscheinlich|vielleicht|ich glaube|ich denke|je crois|je pense|probablement|peut-être"
    r"|sans doute|creo que|probablemente|quizás|tal vez|credo|penso|probabilmente|forse|acho que|creio que"
    r"|provavelmente|talvez|waarschijnlijk|misschien|ik denk|vermoedelijk|chyba|prawdopodobnie|może|myślę|być może)\b"
    r"|可能|也许|大概|应该是|我想|と思います|おそらく|たぶん|でしょう"
)
CONNECTIVES = (
    r"außerdem|zudem|stattdessen|allerdings|jedoch|de plus|en outre|par ailleurs|además|también|asimismo|sin"
    r" embargo|inoltre"
    r"|tuttavia|além|também|entretanto|porém|bovendien|daarnaast|echter|ponadto|poza|jednak|również|кроме|также"
    r"|однако|вместо"
)
"""Words that link sentences: a clause that opens with one is not a bare name."""
REGRET = (
    r"к сожалению|извините|"
    r"lo siento|lamento|désolée?|malheureusement|mi dispiace|purtroppo|descul\w+|infelizmente|leider|entschuldigung"
    r"|(?:es )?tut mir leid|helaas|przykro mi|niestety|przepraszam"
)
OPENING = (
    r"(?:er|sie|il|elle|ils|él|ella|lui|lei|ele|ela|hij|zij|ze|on|ona|ono)\b|[他她它]|彼女?は|\d"
    r"|(?:in|im|en|à|au|a|em|w|we|nel|nella|am|um|te|na|dans|aux|alle) (?=[A-ZÀ-Ž\d])"
)
"""How an answer opens a reply; matched against the clause as written, with its first letter in lower case."""
