// SPDX-License-Identifier: EUPL-1.2
//! The mailbox names that one person may choose.

use crate::directory::fold::{fold, letters, words};

/// Particles that people drop, join or shorten in addresses.
const PARTICLES: &[&str] = &[
    "de", "d", "du", "des", "la", "le", "les", "l", "van", "den", "der", "het", "t", "ten", "ter", "te", "von", "zu",
    "zum", "zur", "op", "in", "uit", "el", "al", "ben", "bin", "bint", "ibn", "ait", "ould", "bou", "abd", "da", "di",
    "do", "dos",
];

/// Short and full forms of given names as people use them in addresses: fr, nl, en, de, Maghreb.
const DIMINUTIVES: &[(&str, &[&str])] = &[
    ("alexandre", &["alex", "sacha"]),
    ("alexandra", &["alex", "sandra", "sacha"]),
    ("alexander", &["alex", "lex", "sander", "xander"]),
    ("anne", &["annie", "nanou"]),
    ("antoine", &["tony", "toine"]),
    ("anthony", &["tony", "ant"]),
    ("antonius", &["ton", "toon", "anton"]),
    ("benjamin", &["ben", "benji"]),
    ("bernard", &["nanard"]),
    ("bastien", &["bast", "bas"]),
    ("sebastien", &["seb", "bastien"]),
    ("catherine", &["cathy", "kathy", "cath", "kate"]),
    ("katherine", &["kate", "kathy", "katie"]),
    ("catharina", &["rina", "trijn", "karin", "toos"]),
    ("charlotte", &["charlie", "lotte", "cha"]),
    ("charles", &["charlie", "chuck"]),
    ("christelle", &["chris"]),
    ("christian", &["chris"]),
    ("christine", &["chris", "tine"]),
    ("christophe", &["chris", "tof", "toph"]),
    ("christopher", &["chris", "kit"]),
    ("cornelis", &["cor", "kees", "cees", "nelis"]),
    ("daniel", &["dan", "danny"]),
    ("david", &["dave", "davy"]),
    ("dominique", &["dom", "domi"]),
    ("edward", &["ed", "ted", "eddie"]),
    ("elisabeth", &["elise", "babette", "betty", "lisa", "beth", "els", "lies", "sisi"]),
    ("elizabeth", &["liz", "beth", "betty", "lizzie", "eliza"]),
    ("emmanuel", &["manu"]),
    ("emmanuelle", &["manu", "manue"]),
    ("fatima", &["fati", "fatim"]),
    ("fatimazahra", &["fatima", "fatizahra", "fz"]),
    ("florence", &["flo"]),
    ("florian", &["flo"]),
    ("florine", &["flo"]),
    ("francois", &["fanfan", "frank"]),
    ("francoise", &["fanfan", "framboise"]),
    ("franciscus", &["frans", "franc"]),
    ("frederic", &["fred", "freddy"]),
    ("frederique", &["fred"]),
    ("friedrich", &["fritz", "fred"]),
    ("gabriel", &["gab", "gaby"]),
    ("geoffrey", &["geoff", "jeff"]),
    ("gerard", &["gege", "ger"]),
    ("gerardus", &["gerard", "ger", "geert"]),
    ("gregory", &["greg"]),
    ("guillaume", &["guigui", "will"]),
    ("hendrik", &["henk", "rik", "hein"]),
    ("henri", &["riton"]),
    ("isabelle", &["isa", "zabou", "belle"]),
    ("jacqueline", &["jacky", "line"]),
    ("jacques", &["jacky", "jaco"]),
    ("james", &["jim", "jimmy", "jamie"]),
    ("jean", &["jeannot", "johnny"]),
    ("jeanpierre", &["jp", "jpierre"]),
    ("jennifer", &["jen", "jenny"]),
    ("jeremy", &["jerem", "jem"]),
    ("jerome", &["jey"]),
    ("joan", &["jo"]),
    ("johannes", &["jan", "johan", "hans", "joop", "joh"]),
    ("johanna", &["jo", "hanna", "jo", "joke", "annie"]),
    ("jonathan", &["jon", "john", "jo"]),
    ("joseph", &["jo", "joe", "jos"]),
    ("julien", &["juju", "jul"]),
    ("julie", &["juju", "jul"]),
    ("karl", &["charly"]),
    ("laurence", &["lolo", "lau", "laurie", "larry"]),
    ("laurent", &["lolo", "lau"]),
    ("lucien", &["lulu"]),
    ("ludovic", &["ludo"]),
    ("margaret", &["maggie", "meg", "peggy", "marge"]),
    ("margaretha", &["greet", "greta", "margriet", "marga"]),
    ("maria", &["ria", "mia", "marie", "marijke", "mieke"]),
    ("marie", &["mimi", "manon", "may"]),
    ("martin", &["tintin", "marty"]),
    ("mathieu", &["mat", "matt", "math"]),
    ("matthieu", &["mat", "matt", "math"]),
    ("matthew", &["matt", "mat"]),
    ("maximilien", &["max"]),
    ("maxime", &["max"]),
    ("michael", &["mike", "mick", "mich", "micha"]),
    ("michel", &["mich", "mimi", "michou"]),
    ("michele", &["mich", "mimi"]),
    ("mohamed", &["med", "mohammed", "mohamad", "simo", "mo", "momo", "hamid"]),
    ("mohammed", &["med", "mohamed", "mohamad", "simo", "mo", "momo"]),
    ("mustapha", &["mus", "mustafa", "stouf"]),
    ("nathalie", &["nat", "nath", "nathou"]),
    ("nicholas", &["nick", "nic", "nico"]),
    ("nicolas", &["nico", "nic", "colas"]),
    ("nicolaas", &["nico", "klaas", "niek"]),
    ("olivier", &["oli", "olive", "olli"]),
    ("pascal", &["pasc", "pascou"]),
    ("patricia", &["pat", "patou", "tricia", "patty"]),
    ("patrick", &["pat", "pat"]),
    ("penelope", &["penny"]),
    ("peter", &["pete", "piet"]),
    ("petrus", &["piet", "peter", "pieter"]),
    ("philippa", &["pippa", "pip"]),
    ("philippe", &["phil", "filou"]),
    ("philip", &["phil", "pip"]),
    ("pierre", &["pierrot", "peter"]),
    ("rachid", &["rach"]),
    ("raphael", &["raph", "rafa"]),
    ("rebecca", &["becky", "bec"]),
    ("richard", &["rick", "dick", "rich", "ricky"]),
    ("robert", &["bob", "rob", "bobby", "robbie"]),
    ("romain", &["rom"]),
    ("salaheddine", &["salah"]),
    ("samuel", &["sam"]),
    ("samantha", &["sam"]),
    ("samira", &["sam"]),
    ("solene", &["sol"]),
    ("sophie", &["so", "soso", "fietje"]),
    ("stefan", &["stef"]),
    ("stephane", &["steph", "stef"]),
    ("stephanie", &["steph", "stef", "fanny"]),
    ("stephen", &["steve", "ste"]),
    ("susan", &["sue", "suzy"]),
    ("theodore", &["theo", "ted", "teddy"]),
    ("theodora", &["thea", "dora", "teddy", "theo"]),
    ("theresa", &["terry", "tess"]),
    ("therese", &["tess", "zaza"]),
    ("thibault", &["tibo", "titi", "thib"]),
    ("thierry", &["titi", "thi"]),
    ("thomas", &["tom", "tommy", "toto", "thom"]),
    ("timothy", &["tim"]),
    ("valerie", &["val", "valou"]),
    ("valentin", &["val"]),
    ("veronique", &["vero", "ronnie"]),
    ("victor", &["vic", "totor"]),
    ("victoria", &["vicky", "tori", "vic"]),
    ("vincent", &["vince", "vinz"]),
    ("virginie", &["gigi", "ninie", "virg"]),
    ("wilhelm", &["willi", "will"]),
    ("wilhelmina", &["mien", "willy", "wil", "mina"]),
    ("willem", &["wim", "pim", "will"]),
    ("william", &["bill", "will", "billy", "liam"]),
    ("xavier", &["xav"]),
    ("yannick", &["yann", "yan"]),
    ("yasmina", &["yas", "mina"]),
    ("yassine", &["yas"]),
    ("youssef", &["youss", "joseph", "josef", "yusuf"]),
    ("abdelkader", &["kader", "abdel"]),
    ("abderrahim", &["rahim", "abdo"]),
    ("abdellah", &["abdo", "abdallah"]),
    ("abdelaziz", &["aziz", "abdel"]),
];

/// Every way a given name is written in an address: whole, its parts, short forms.
pub fn givens(name: &str, nickname: &str) -> Vec<String> {
    let mut forms = Vec::new();
    let whole = letters(name);
    let parts = words(name);
    push(&mut forms, &whole);
    if let Some(first) = parts.first().filter(|first| first.chars().count() >= 3) {
        push(&mut forms, first);
    }
    for form in forms.clone() {
        for (full, shorts) in DIMINUTIVES {
            if *full == form {
                shorts.iter().for_each(|short| push(&mut forms, short));
            } else if shorts.contains(&form.as_str()) && form.chars().count() >= 3 {
                push(&mut forms, full);
            }
        }
    }
    push(&mut forms, &letters(nickname));
    // Names of the servant of …: Abderrahmane is Abdo to all, and Rahmane to some.
    if whole.starts_with("abd") && whole.chars().count() > 5 {
        ["abdo", "abdou", "abdel"].into_iter().for_each(|short| push(&mut forms, short));
        let rest = whole.trim_start_matches("abd").trim_start_matches(['e', 'o', 'u']);
        push(&mut forms, rest.get(1..).unwrap_or(""));
    }
    forms.extend(umlauts(name));
    forms
}

/// The full names of which this may be the short form.
pub fn fulls(short: &str) -> impl Iterator<Item = &'static str> {
    DIMINUTIVES.iter().filter(move |(_, shorts)| shorts.contains(&short)).map(|(full, _)| *full)
}

/// Whether the word is a given name of its own, and so no short form of a longer one: Marc is not Marcel.
pub fn is_given(word: &str) -> bool {
    const SHORT: &[&str] = &[
        "adel", "adam", "ali", "ana", "anna", "aya", "cyril", "emma", "eric", "eva", "fred", "gael", "hugo", "ilan",
        "ines", "jan", "jean", "karim", "lea", "leo", "leon", "lou", "louis", "luc", "luca", "lucas", "lucie", "lise",
        "louise", "marc", "mark", "marta", "mia", "nora", "noe", "omar", "paul", "paula", "pauline", "remi", "rene",
        "rosa", "sara", "tom", "yann", "yves", "mari", "christ", "juli", "karin", "martin", "jule", "jules",
    ];
    SHORT.contains(&word) || DIMINUTIVES.iter().any(|(full, _)| *full == word)
}

/// Initials of a given name: `m` and `mo` for Marie-Odile.
pub fn initials(name: &str) -> Vec<String> {
    let parts = words(name);
    let first = |word: &String| word.chars().next();
    let mut forms = Vec::new();
    if let Some(one) = parts.first().and_then(first) {
        push(&mut forms, &one.to_string());
    }
    if parts.len() > 1 {
        push(&mut forms, &parts.iter().filter_map(first).collect::<String>());
    }
    // Philippe is often "ph", Christophe "ch", Thierry "th".
    let whole = letters(name);
    for pair in ["ph", "ch", "th", "kh", "gh", "gu"] {
        if whole.starts_with(pair) {
            push(&mut forms, pair);
        }
    }
    forms
}

/// Every way a surname is written: whole, without particles, particles shortened, parts of a double name.
pub fn surnames(name: &str) -> Vec<String> {
    let mut forms = Vec::new();
    push(&mut forms, &letters(name));
    let parts = words(name);
    let (particles, cores): (Vec<&String>, Vec<&String>) =
        parts.iter().partition(|word| PARTICLES.contains(&word.as_str()));
    if !particles.is_empty() && !cores.is_empty() {
        let core: String = cores.iter().map(|word| word.as_str()).collect();
        let short: String = particles.iter().filter_map(|word| word.chars().next()).collect();
        push(&mut forms, &format!("{short}{core}"));
        // "van der Oord" is also "vdoord", "vd oord", "v oord".
        push(&mut forms, &format!("{}{core}", &short[..short.chars().next().map_or(0, char::len_utf8)]));
        push(&mut forms, &core);
    }
    if name.contains(['-', ' ']) {
        for core in cores.iter().filter(|core| core.chars().count() >= 4) {
            push(&mut forms, core);
        }
    }
    forms.extend(umlauts(name));
    forms
}

fn push(forms: &mut Vec<String>, form: &str) {
    if !form.is_empty() && !forms.iter().any(|known| known == form) {
        forms.push(form.to_owned());
    }
}

/// The German and Nordic writing of a name without its dots and rings: Müller is also `mueller`.
fn umlauts(name: &str) -> Option<String> {
    let lower = name.to_lowercase();
    lower.contains(['ü', 'ö', 'ä', 'ø', 'å']).then(|| {
        letters(&lower.replace('ü', "ue").replace('ö', "oe").replace('ä', "ae").replace('ø', "oe").replace('å', "aa"))
    })
}

/// The consonants of a name, spellings of one sound made one: Benchekroun, Benchakroun and بنشقرون agree.
pub fn skeleton(name: &str) -> String {
    let folded = fold(name);
    let mut out = String::new();
    let mut chars = folded.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied();
        let sound = match (c, next) {
            ('c', Some('h')) | ('s', Some('h')) => {
                chars.next();
                'C'
            }
            ('k', Some('h')) => {
                chars.next();
                'K'
            }
            ('g', Some('h')) => {
                chars.next();
                'R'
            }
            ('p', Some('h')) => {
                chars.next();
                'f'
            }
            ('t', Some('h')) | ('d', Some('h')) => {
                chars.next();
                c
            }
            ('ش', _) => 'C',
            ('خ', _) => 'K',
            ('غ', _) => 'R',
            ('ب', _) => 'b',
            ('ت' | 'ط' | 'ث', _) => 't',
            ('ج', _) => 'j',
            ('ح' | 'ه', _) | ('h', _) => continue,
            ('د' | 'ذ' | 'ض' | 'ظ', _) => 'd',
            ('ر', _) => 'r',
            ('ز' | 'z', _) => 'z',
            ('س' | 'ص', _) => 's',
            ('ف', _) => 'f',
            ('ق' | 'ك' | 'ڭ' | 'گ', _) | ('q' | 'c', _) => 'k',
            ('ل', _) => 'l',
            ('م', _) => 'm',
            ('ن', _) => 'n',
            ('ع' | 'ا' | 'و' | 'ي' | 'ء', _) => continue,
            ('a' | 'e' | 'i' | 'o' | 'u' | 'y' | 'w', _) => continue,
            (c, _) if c.is_alphabetic() => c,
            _ => continue,
        };
        if !out.ends_with(sound) {
            out.push(sound);
        }
    }
    out
}

/// Surnames so common that initial and surname prove nothing: the heads of the national registers (Insee, Meertens,
/// Statbel, Haut-Commissariat au Plan, ONS, DGN).
const COMMON: &[&str] = &[
    "martin",
    "bernard",
    "dubois",
    "thomas",
    "robert",
    "richard",
    "petit",
    "durand",
    "leroy",
    "moreau",
    "simon",
    "laurent",
    "lefebvre",
    "michel",
    "garcia",
    "david",
    "bertrand",
    "roux",
    "vincent",
    "fournier",
    "morel",
    "girard",
    "andre",
    "lefevre",
    "mercier",
    "dupont",
    "lambert",
    "bonnet",
    "francois",
    "martinez",
    "legrand",
    "garnier",
    "faure",
    "rousseau",
    "blanc",
    "guerin",
    "dejong",
    "jong",
    "jansen",
    "janssen",
    "janssens",
    "devries",
    "vries",
    "vandenberg",
    "berg",
    "vandijk",
    "dijk",
    "bakker",
    "visser",
    "smit",
    "meijer",
    "deboer",
    "boer",
    "mulder",
    "degroot",
    "groot",
    "bos",
    "vos",
    "peters",
    "peeters",
    "maes",
    "jacobs",
    "mertens",
    "willems",
    "claes",
    "goossens",
    "wouters",
    "alaoui",
    "elalaoui",
    "idrissi",
    "elidrissi",
    "bennani",
    "tazi",
    "amrani",
    "elamrani",
    "naciri",
    "fassi",
    "elfassi",
    "berrada",
    "chraibi",
    "cherkaoui",
    "smith",
    "jones",
    "williams",
    "taylor",
    "brown",
    "davies",
    "evans",
    "wilson",
    "johnson",
    "roberts",
    "walker",
    "wright",
    "white",
    "muller",
    "mueller",
    "schmidt",
    "schneider",
    "fischer",
    "weber",
    "meyer",
    "wagner",
    "becker",
    "schulz",
    "hoffmann",
    "nguyen",
    "diallo",
    "traore",
];

pub fn is_common_surname(letters: &str) -> bool {
    COMMON.contains(&letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_many_writings() {
        assert!(surnames("van der Oord").contains(&"vdoord".to_owned()));
        assert!(surnames("Terpstra-Wiebes").contains(&"terpstra".to_owned()));
        assert!(givens("Philippa", "").contains(&"pippa".to_owned()));
        assert!(surnames("Müller").contains(&"mueller".to_owned()));
        assert_eq!(initials("Marie-Odile"), ["m", "mo"]);
    }

    #[test]
    fn spellings_of_one_sound_agree_across_scripts() {
        assert_eq!(skeleton("Benchekroun"), skeleton("بنشقرون"));
        assert_eq!(skeleton("Mohammed"), skeleton("Mohamed"));
        assert_ne!(skeleton("Benali"), skeleton("Bennani"));
    }
}
