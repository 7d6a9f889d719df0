/**
 * Stop words: the words that running text cannot do without and menus do, in 27 languages.
 *
 * The lists are our own: articles, pronouns, prepositions, conjunctions, auxiliaries and common adverbs of each language
 * as any grammar lists them, no frequency list of anybody's. jusText's idea (Pomikálek 2011). Words are looked up by a
 * 32-bit hash without making strings; a false hit is as likely as one in some million words and harms nothing.
 */

/** Words by language, in lower case, split where {@link scanWords} splits ("don't" is "don" and "t"). */
const lists: Readonly<Record<string, string>> = {
  en: "a about after all also am an and any are as at be because been before being between both but by can could did do does doing don down during each few for from further had has have having he her here hers him his how i if in into is it its just like may me might more most much must my no nor not now of off on once one only or other our out over own s same shall she should so some such t than that the their them then there these they this those through to too under until up upon us very was we were what when where which while who whom whose why will with would you your",
  de: "aber alle allem allen aller alles als also am an andere anderen auch auf aus bei beim bin bis bist da damit dann das dass dein dem den denn der des dich die dies diese diesem diesen dieser dieses doch dort du durch ein eine einem einen einer eines er es etwas euch für gegen habe haben hat hatte hier ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im in ins ist ja jede jeden jeder jedes jetzt kann kein keine können man mehr mein mich mir mit muss müssen nach nicht nichts noch nun nur ob oder ohne schon sehr sein seine seinem seinen seiner seit sich sie sind so soll sollte sondern um und uns unser unter viel vom von vor war waren warum was weil welche wenn wer werden wie wieder wir wird wo wurde wurden während zu zum zur zwischen über",
  fr: "a afin ai ainsi alors après as au aucun aussi autre autres aux avait avant avec avoir c car ce ceci cela celle celles celui ces cet cette ceux chaque ci comme comment d dans de depuis des deux donc dont du elle elles en encore entre est et étaient était étant été être eu eux fait faut furent il ils j je jusqu l la là le les leur leurs lors lorsque lui m ma mais me même mêmes mes moi moins mon n ne ni nos notre nous on ont ou où par parce pas pendant peu peut peuvent plus pour pourquoi puis qu quand que quel quelle quelles quels qui quoi s sa sans se selon sera ses seulement si sinon son sont sous sur t ta te tes toi ton tous tout toute toutes très tu un une vers voici vos votre vous y",
  es: "a al algo algunas algunos ante antes así aunque cada como con contra cual cuando cuya cuyo de del desde después donde dos durante e el él ella ellas ellos en entre era eran eres es esa ese eso esta está estaba están estas este esto estos fue fueron ha había hace hacia han has hasta hay la las le les lo los más me mi mientras mis mismo mucho muy nada ni no nos nosotros nuestra nuestro o os otra otras otro otros para pero poco por porque pues que qué quien se sea según ser si sí sido sin sino sobre solo son su sus también tan tanto te tiene tienen todo todos tu tus un una unas uno unos usted y ya yo",
  it: "a ad agli ai al alla alle allo altre altri altro anche ancora avere aveva c che chi ci ciò come con contro cosa così cui d da dagli dai dal dalla dalle dallo degli dei del dell della delle dello dentro di dopo dove due e è ed egli era erano essere fa fino fra fu furono gli ha hanno ho i il in io l la le lei li lo loro lui ma me mentre mi mia mio molto ne nei nel nell nella nelle nello no noi non nostra nostro o ogni oltre per perché però più poi possono prima può qua quale quali quando quanto quella quelle quelli quello questa queste questi questo qui s se sei senza si sia siano sono sopra sotto stata stati stato su sua sue sugli sui sul sull sulla sulle suo suoi tra tu tutti tutto un una uno v vi voi",
  pt: "à ao aos aquela aquele aqueles as às até cada com como contra cujo da das de dela dele deles depois desde do dos durante e é ela elas ele eles em entre era eram essa essas esse esses esta está estão estas estava este estes eu foi foram há isso isto já lhe lo mais mas me mesmo meu meus minha muito na não nas nem no nos nós nossa nosso num numa o os ou outra outras outro outros para pela pelas pelo pelos pode podem por porque quais qual quando que quem são se seja sem sempre ser seu seus só sob sobre sua suas também tem têm tinha toda todas todo todos tu tudo um uma umas uns você",
  nl: "aan af al alle alles als altijd andere ben bij daar dan dat de den der deze die dit doch door dus een eens en er ge geen geweest had hadden heb hebben heeft hem hen het hier hij hoe hun iemand iets ik in is ja je jij jou jullie kan kon kunnen maar me meer men met mij mijn moet moeten na naar net niet niets nog nu of om omdat onder ons onze ook op over reeds te tegen toch toen tot u uit uw van veel voor waar waren was wat we wel werd werden wezen wie wij wil worden wordt zal ze zelf zich zij zijn zo zonder zou",
  sv: "alla allt andra att av bara blev bli blir blivit både då där de dem den denna deras dess dessa det detta dig din dina ditt du efter eller en ett finns från för före ha hade han hans har henne hennes hon honom hur här i icke igen in inte ingen inget inom ju jag kan kunde man med mellan men mer mig min mina mitt mot mycket måste ni nu när någon något några och också om oss på samma sedan sig sin sina sitt själv ska skall skulle som så sådan till under upp ut utan vad var vara varför vara vi vid vilka vilken vilket var över än är även åt",
  da: "af alle alt anden andet andre at bare blev blive bliver da de dem den denne der deres det dette dig din disse dog du efter eller en end er et for fordi fra få før godt ham han hans har havde have hende hendes her hun hvad hvem hver hvilken hvis hvor hvordan hvorfor hvornår i igen ikke ind ingen intet jeg jo kan kun kunne man mange med meget mellem men mere mig min mine mit mod må ned noget nogle nogen nok nu når og også om op os over på samme selv sig sin sine sit skal skulle som sådan så thi til ud under uden var ved vi vil ville være været",
  no: "alle alt andre at av bare ble bli blir blitt både da de deg dem den denne der dere deres det dette di din disse du eller en ene enn er et ett etter for fordi fra før ha hadde han hans har henne hennes her hun hva hvem hver hvilken hvis hvor hvordan hvorfor i igjen ikke ingen inn jeg kan kom kun kunne man mange med meg mellom men mer min mine mitt mot mye må når nå noe noen nok ny og også om opp oss over på samme seg selv sin sine sitt skal skulle slik som så til under ut uten var ved vi vil ville vært være",
  pl: "a aby ale ani aż bardzo bez bo by być był była było były będzie będą cały ci cię co czy czyli dla do dlatego dwa gdy gdyby gdzie go i ich ile im inne innych iż ja jak jako je jeden jednak jednym jego jej jest jestem jeszcze jeśli jeżeli już każdy kiedy kto która które którego której który których którym którzy lub ma mają może można mi mnie mogą mu my na nad nam nas nawet nic nich nie niego niej nim niż no o od ona one oni ono oraz pan po pod podczas ponieważ poza przed przez przy raz również są się sobie swoje sposób ta tak takie także tam te tego tej ten też to tu tych tylko tym u w we więc wszystkie wszystko wtedy z za zawsze ze że żeby",
  cs: "a aby aj ale ani až bez bude budou by byl byla byli bylo být co což či další do hlavně ho i jak jako je jeho jehož jej její jejich jen jenž ještě ji jinak již jsem jsme jsou jste k kam kde kdo kdy když která které kterého který kteří kterou ku lze má mají mezi mi mít mně mohou mu muset musí může na nad nám nás nebo nebyl nechť než nic nich není nové nové o od on ona oni pak po pod podle pokud pouze pro proč proto protože před přes při s se si sice své svůj svých ta tak také takže tam tato te ten tedy této tím to tohle toho tohoto tom tomto tomu tu tuto ty tyto u už v vám vás ve více však vše všech všechny z za zda zde že",
  ro: "a acea aceasta această aceea acei aceia acel acela acele acest acesta aceste acestea acestui acești al ai ale alt alte am ar are asemenea asta astfel atât atunci au avea aveți în într ca că când care cărei căror cărui ce cel cele cei cea chiar cine cu cum cât da dacă dar de deci decât deja deși din dintre doar după e ea ei el ele era este eu face fără fi fie fiecare fiind foarte fost i iar îi îl împotriva încă înainte la le li lor lui m mai mă mea mei meu mult multe n ne nici nimic niște noi nostru nu o ori orice pe pentru peste pot poate prin s să sa sale sau se și sub sunt sus te tot toate toți totuși tu un una unde unei unele unor unui unul va vă vor",
  hu: "a abban ahhoz ahogy ahol aki akik akkor alatt amely amelyek amelyeket ami amikor amit an arra az azért azok azon azt azzal be belül bár csak de e egy egyéb egyes egyik el elő előtt én és ez ezek ezen ezért ezt ezzel fel felé ha hanem hogy hogyan így illetve ill is ismét jó kell kellett ki kívül közben között le legalább lehet lehetett lenne lenni lesz lett ma maga már más meg mely melyek még mert mi míg mikor milyen mind minden mindig mint mintha most nagy ne nem néha nélkül nincs olyan ott össze ő ők őket pedig rá s saját sem semmi sok sokkal szemben szerint szinte számára talán te tehát teljes tovább továbbá több úgy ugyanis új újra után utána vagy vagyis vagyok valaki valami valamint van vannak vele vissza volna volt voltak által általában át",
  fi: "ei eivät eli en ensin että hän häneen hänen hänet he heidän he ilman itse ja jo joihin joiden joita joka jokainen jolla jolloin jonka jos joskus jossa josta jota jotka jotta joten kaikki kanssa kautta kuin kuinka kuitenkin kuka kun kyllä lisäksi luona me mihin mikä mikäli mikään minkä minun minä missä mistä mitä mitään moni muita mukaan mutta muun muut myös ne niiden niin niistä niitä noin nyt näiden näin näitä nämä ole olen oli olivat olla olleet ollut on ovat paitsi pitkin pitää saa se sekä sen siellä siihen siinä siis siitä silloin sinä sitten sitä taas tai takia te tuo tämä tämän tässä tästä tätä täällä vaan vai vaikka vain varten vielä voi voidaan voivat yli",
  tr: "acaba ama ancak artık aslında az bana bazı bazen belki ben beni benim bile bir biri birkaç birçok biz bize bizim böyle bu buna bunda bundan bunlar bunu bunun burada çok çünkü da daha de değil defa diğer diye dolayı eğer en fakat gibi göre hangi hatta hem henüz hep hepsi her hiç için ile ilgili ise işte kadar kendi kendine ki kim kime mi mı mu mü nasıl ne neden nedenle nerede niçin niye o olan olarak oldu olduğu olduğunu olması olsa olur on ona onlar onların onu onun orada oysa pek rağmen sadece sanki sen senin siz sizin sonra şey şimdi şöyle şu tarafından tüm üzere var ve veya ya yani yapılan yer yine yok zaten",
  id: "ada adalah agar akan aku anda antara apa apabila atas atau bagaimana bagi bahwa banyak beberapa belum berada bila bisa boleh bukan dalam dan dapat dari daripada dengan di dia digunakan harus hanya hingga ia ialah ini itu jadi jika juga kalau kami kamu karena kata ke kecuali kemudian kepada kita lagi lain lalu lebih maka masih mereka merupakan mungkin namun nya oleh pada para pernah perlu pula saat saja sama sampai sangat satu saya se sebagai sebelum sebuah secara sedang sehingga sejak selain selama seluruh semua sendiri seorang seperti serta sesudah setelah setiap suatu sudah supaya tanpa tapi telah tentang terhadap termasuk tersebut tetapi tidak untuk walaupun yaitu yang",
  vi: "ai anh bà bạn bằng bị biết bởi các cách cái cần càng chỉ chị cho chưa chúng có cô còn của cũng cùng cứ đã đang đây để đến đều đi điều do đó được gì giữa hay hoặc hơn họ khi không là lại làm lên lúc mà mình mỗi một một mới này nào nên nếu ngay nhất như nhưng những nó nơi nữa ở ông phải qua ra rằng rất rồi sao sau sẽ sự tại tất theo thì thế tôi trên trong trước từ và vào vẫn vậy về vì việc với vừa",
  ca: "a abans aquell aquella aquest aquesta aquestes aquests així això al als altra altre altres amb aquí bé cada com contra d de del dels des després dins dos durant e el ell ella ells els em en encara ens entre era eren és està estan et fins fou ha han havia hi ho i jo l la les li llavors lo los m ja més mentre meu molt n ni no nosaltres nostre o on per però perquè poc podem pot poden quan quant que què qual quals qui s sa se segons sense ser serà ses seu seus seva si sí sinó sobre sol són sota t també tan tant te té tenen tot tota totes tots tu un una unes uns us va van vosaltres",
  ru: "а без более бы был была были было быть в вам вас ведь весь во вот все всегда всего всех вы где да даже для до его ее если есть еще же за здесь и из или им именно их к как какая какой когда которая которого которой которые который которых кто куда ли либо лишь между меня мне много может можно мой мы на над надо нам нас не него нее ней некоторые нет ни ним них но ну о об однако он она они оно от очень перед по под после потому при про раз с сам себе себя сейчас со свои своих свой своей также так такая такие такой там те тем то того тоже той только том тот ты у уже хотя чего чем что чтобы эта эти этих это этого этой этом этот я",
  uk: "а або але б без би був була були було бути в вам вас ви від він вона вони вони все всі вже де для до його її ж за з зі і із інші їх й коли котрий крім ми може можна на над нам нас не нею ним них ні але о об один однак ось при про під перед по після та так також такий там те тим то того той тому тільки ти у усі хоча хто це цей ці цього цьому ця що щоб щодо як яка який якого якщо які яких є",
  bg: "а ако ала без би бил била били било в вас ваш ви във все всеки всички всичко да дали дето до докато за зад защо защото и из или им има имат й как какво като кога когато което които кой който която към ли ме между ми много може могат му на над най нас наш не него нея ни никой но някои някой обаче около от отново още по под поради после пред през при само са се сега си след според сте съм със също т така такива там те тези ти то това този тогава той толкова тук тя у че чрез ще",
  el: "αλλά αν από αυτά αυτές αυτή αυτό αυτόν αυτός αυτού αυτών για γιατί δε δεν εάν εγώ εδώ είμαι είναι είχε εκεί εκείνη εκείνο εκείνος ενώ ένα έναν ένας επειδή επί επίσης έτσι έχει έχουν ή η ήταν θα ίδιο και κάθε καθώς κάποια κάποιος κατά κι μα μας με μέσα μετά μεταξύ μη μην μία μια μόνο μου μπορεί να ο οι όλα όλες όλοι όμως όπου όπως όταν ότι όχι πάνω παρά περί πιο πολύ που πριν προς πως σαν σας σε στα στη στην στις στο στον στους συν σου τα τη την της τι τις το τον του τους των ως ώστε",
  ar: "أحد أخرى إذ إذا أكثر إلا إلى التي الذي الذين اللذي ألم أم أما أن إن أنا أنت أنه إنه أنها إنها أو أول أي أيضا أيضًا أين بعد بعض بل بما به بها بين تحت تكون تلك تم ثم جدا جميع حتى حول حيث حين خلال دون ذلك سوف سوى ضد ضمن عبر على عليه عليها عن عند عندما عنه عنها غير فإن فقد فقط في فيه فيها قبل قد كان كانت كذلك كل كما كيف لا لأن لأنه لدى لذلك لقد لكن لكنه لم لن له لها لهم لو ليس ليست ما مثل مع معظم من منذ منه منها نحن نحو نفس هؤلاء هذا هذه هل هم هنا هناك هو هي و وأن وإن وفي وقد وكان وكانت ولا ولكن ولم وما ومن وهو وهي يا يتم يجب يكون يمكن",
  fa: "آن آنها آنان آیا از است اگر الا اما او ای این اینکه با باید بدون بر برای برخی بسیار بعد بلکه به بود بودن بودند بوده بی بیشتر بین پس پیش تا تمام تنها تو جز چرا چند چه چون چیزی حتی خود خواهد خواهند خیلی در درباره دارد دارند داشت داشته دو دیگر را روی زیرا سپس شد شدن شده شما شود شوند عنوان غیر فقط کرد کردن کرده کسی کند کنند که گاهی ما مانند من می میان نباید نه نمی نیز نیست وقتی و ولی وی ها های هایی هر هم همان همچنین همه هنوز هیچ یا یعنی یک",
  he: "אבל או אולי אותה אותו אותם אז אחר אחרי אחת איך אין אינה אינו אל אלא אלה אלו אם אנחנו אני אף אפשר אשר את אתה אתם בגלל בה בו בין בלי במקום בעת בפני דרך ה הוא היא היה היו הייתה הם הן הנה הרבה ואת והוא וכן ולא זאת זה זו חוץ יהיה יותר יכול יש כאן כאשר כבר כדי כי כך כל כמה כמו כן כפי לא לאחר לה להיות להם לו לי לכן למה למרות לפי לפני מאוד מאז מה מי מן מעל מפני מתחת מתי נגד נו נוסף עד עוד על עם עצמו ערך פה רק ש שאין שבו שגם שהוא שהיא שלא שלה שלהם שלו של שם תחת תמיד",
  hi: "अंदर अपना अपनी अपने अब आदि आप इस इसका इसकी इसके इसमें इसलिए इसी इसे उन उनका उनकी उनके उनको उन्हें उस उसका उसकी उसके उसने उसे एक एवं ऐसा ऐसे और कई कर करता करते करना करने कहा का कि किया किसी की कुछ के को कोई कौन क्या गया गयी गई गए जब जहाँ जा जाता जाती जाते जाना जिस जिसके जिन जिसे जैसे जो तक तब तथा तो था थी थे दिया दो द्वारा न नहीं ने पर फिर बहुत बात बाद बिना भी मगर में मैं यदि यह यहाँ या ये रहा रही रहे लिए लेकिन व वह वहाँ वाला वाले वाली वे सकता सकते सभी सब साथ से ही हुआ हुई हुए हम हमारे है हैं हो होता होती होते होना होने",
};

/** Languages in which endings do what elsewhere small words do: they have fewer of these. */
const agglutinative: ReadonlySet<string> = new Set(["hu", "fi", "tr", "he", "ar"]);

const languages: readonly string[] = Object.keys(lists);

/** Open addressing: hash of a word, bits of the languages that have it. A power of two, about a third full. */
const slots = 1 << 14;

interface StopWordTable {
  readonly hashes: Int32Array;
  readonly bits: Int32Array;
}

let table: StopWordTable | undefined;

/** What a text's words tell. */
export interface WordCounts {
  words: number;
  /** Words of the language that was asked for. */
  stopWords: number;
  /** Characters of scripts that write no blanks between words, and of Hangul, whose particles are no words. */
  unspaced: number;
}

/** What the page is written in, as far as the lists know. */
export interface PageLanguage {
  /** Bits of the list, and of the English one, for English stands on pages of all languages; 0 where none fits. */
  readonly bits: number;
  /** What its densities are multiplied by to be comparable with English ones. */
  readonly scale: number;
}

/** No list: blocks are judged by length and links alone. */
export const unknownLanguage: PageLanguage = { bits: 0, scale: 0 };

/** Words that are enough to tell the language. */
const sampleWords = 4000;
/** Part of a page's words below which no list fits. */
const leastDensity = 0.08;

/**
 * The list that fits best, by its part of the words; {@link unknownLanguage} when none fits or when most characters are of
 * scripts without word stops (Chinese, Japanese, Thai and the like).
 */
export function guessLanguage(texts: Iterable<string>): PageLanguage {
  const counts = new Int32Array(languages.length);
  const all: WordCounts = { words: 0, stopWords: 0, unspaced: 0 };
  let characters = 0;
  for (const text of texts) {
    scanWords(text, -1, all, counts);
    characters += text.length;
    if (all.words >= sampleWords || characters >= sampleWords * 6) break;
  }
  if (all.unspaced * 4 > characters || all.words === 0) return unknownLanguage;
  let best = -1;
  let bestScore = 0;
  for (const [index, language] of languages.entries()) {
    const score = ((counts[index] as number) / all.words) * (agglutinative.has(language) ? 1.3 : 1);
    if (score <= bestScore) continue;
    best = index;
    bestScore = score;
  }
  if (best < 0 || bestScore < leastDensity) return unknownLanguage;
  return {
    bits: (1 << best) | (1 << languages.indexOf("en")),
    scale: agglutinative.has(languages[best] as string) ? 1.8 : 1,
  };
}

/**
 * Adds a text's words to `counts`.
 *
 * @param wanted stop words of these languages are counted
 * @param byLanguage stop words of each language, when wanted
 */
export function scanWords(text: string, wanted: number, counts: WordCounts, byLanguage?: Int32Array): void {
  const { hashes, bits } = (table ??= buildTable());
  let { words, stopWords, unspaced } = counts;
  let hash = hashBasis;
  let inWord = false;
  for (let at = 0; at <= text.length; at++) {
    const code = at < text.length ? text.charCodeAt(at) : 0x20;
    const letter = foldLetter(code);
    if (letter > 0) {
      hash = Math.imul(hash ^ letter, hashPrime);
      inWord = true;
      continue;
    }
    if (letter < 0) unspaced++;
    if (!inWord) continue;
    words++;
    let slot = hash & (slots - 1);
    while (hashes[slot] !== 0 && hashes[slot] !== hash) slot = (slot + 1) & (slots - 1);
    const found = bits[slot] as number;
    if ((found & wanted) !== 0) {
      stopWords++;
      if (byLanguage !== undefined) {
        for (let rest = found; rest !== 0; rest &= rest - 1) {
          const index = 31 - Math.clz32(rest & -rest);
          byLanguage[index] = (byLanguage[index] as number) + 1;
        }
      }
    }
    hash = hashBasis;
    inWord = false;
  }
  counts.words = words;
  counts.stopWords = stopWords;
  counts.unspaced = unspaced;
}

const hashBasis = 0x811c9dc5 | 0;
const hashPrime = 0x01000193;

/** The lower-case code of a letter or digit, 0 for what is between words, -1 for a character of an unspaced script. */
function foldLetter(code: number): number {
  if (code < 0x80) {
    if (code >= 0x61 && code <= 0x7a) return code;
    if (code >= 0x41 && code <= 0x5a) return code | 0x20;
    return code >= 0x30 && code <= 0x39 ? code : 0;
  }
  if (code < 0xc0) return code === 0xaa || code === 0xb5 || code === 0xba ? code : 0;
  if (code <= 0xde) return code === 0xd7 ? 0 : code + 0x20;
  if (code < 0x250) return code >= 0x100 && code < 0x180 ? foldLatinExtended(code) : code;
  if (code < 0x530) {
    if (code >= 0x391 && code <= 0x3a9) return code + 0x20;
    if (code >= 0x410 && code <= 0x42f) return code + 0x20;
    return code >= 0x400 && code <= 0x40f ? code + 0x50 : code;
  }
  if (code === 0x60c || code === 0x61b || code === 0x61f || code === 0x6d4 || code === 0x964 || code === 0x5be)
    return 0;
  if (code < 0xe00) return code;
  if (code < 0x1100) return code < 0x1000 && code >= 0xf00 ? code : -1;
  if (code >= 0x1780 && code <= 0x17ff) return -1;
  if (code < 0x2000) return code < 0x1200 ? -1 : code;
  if (code < 0x2c00) return 0;
  if (code < 0x2e80) return code < 0x2e00 ? code : 0;
  if (code < 0x3040) return code < 0x3000 ? -1 : 0;
  if (code < 0xa000) return -1;
  if (code >= 0xac00 && code <= 0xd7a3) return -1;
  if (code >= 0xf900 && code <= 0xfaff) return -1;
  return code >= 0xff00 && code < 0xff66 ? 0 : code;
}

/** Capitals and small letters alternate there, with the parity changing twice. */
function foldLatinExtended(code: number): number {
  const oddIsSmall = code < 0x139 || (code >= 0x14a && code < 0x179);
  if (oddIsSmall) return code | 1;
  return (code & 1) === 1 ? code + 1 : code;
}

function buildTable(): StopWordTable {
  const hashes = new Int32Array(slots);
  const bits = new Int32Array(slots);
  for (const [index, language] of languages.entries()) {
    for (const word of (lists[language] as string).split(" ")) {
      let hash = hashBasis;
      for (let at = 0; at < word.length; at++) hash = Math.imul(hash ^ foldLetter(word.charCodeAt(at)), hashPrime);
      let slot = hash & (slots - 1);
      while (hashes[slot] !== 0 && hashes[slot] !== hash) slot = (slot + 1) & (slots - 1);
      hashes[slot] = hash;
      bits[slot] = (bits[slot] as number) | (1 << index);
    }
  }
  return { hashes, bits };
}
