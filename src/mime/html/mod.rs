// SPDX-License-Identifier: EUPL-1.2
//! HTML as a reader sees it, and separately the text that is in the document but not shown.
//!
//! What must not live here: opinions about hidden text, and anything that needs a network or a script.
//!
//! How it fails: it does not; every text is some HTML. One pass, with a stack of bounded depth.
//!
//! Standards: WHATWG HTML §13.2 (tokens, tree), §15 (rendering), CSS 2.2 for what hides text.

mod bidi;
mod elements;
mod entities;
mod lines;
mod sheet;
mod style;
mod tags;

pub use bidi::as_displayed;

use std::collections::HashSet;

use elements::{ElementKind, Stack, kind};
use lines::Lines;
use sheet::Sheet;
use style::Appearance;
use tags::{Tag, Token, Tokens};

/// A document's text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// What a mail program shows: one block, row or item a line, the cells of a row parted by tabs, `text (address)` for
    /// a link. Lines end in CRLF.
    pub shown: String,
    /// What it does not show: comments, titles, elements made invisible. Where that stands inside a line, the line as
    /// programs without style sheets would show it follows, and where rules hold for some readers, as those see it.
    pub hidden: String,
}

/// Reads a document.
pub fn text(html: &str) -> Shown {
    let mut page = Page { sheet: Sheet::read(html), ..Page::default() };
    page.read(html, 0);
    page.close_link();
    page.finish()
}

/// Comments within comments that are read as documents of their own (Outlook shows conditional ones).
const DEPTH: usize = 2;

#[derive(Default)]
struct Page {
    sheet: Sheet,
    stack: Stack,
    shown: Lines,
    /// Both, in order: what a program without style sheets shows. Kept once something is hidden.
    whole: Option<Lines>,
    /// What a program shows in which every rule holds that perhaps holds. Kept once there is such a rule.
    least: Option<Lines>,
    hidden: String,
    /// The last text was hidden: more of it goes on in the same line.
    in_hidden: bool,
    link: Option<Link>,
}

struct Link {
    target: String,
    from: usize,
}

impl Page {
    fn read(&mut self, html: &str, depth: usize) {
        let mut tokens = Tokens::new(html);
        loop {
            if self.stack.in_foreign()
                && let Some(text) = tokens.cdata()
            {
                self.say(text);
                continue;
            }
            match tokens.next() {
                None => return,
                Some(Token::Text(text)) => self.say(&entities::resolved_in_text(text)),
                Some(Token::Comment(comment)) => self.comment(comment, depth),
                Some(Token::Close(name)) => self.close(&name.to_ascii_lowercase()),
                Some(Token::Open(tag)) => {
                    if tag.name.eq_ignore_ascii_case("iframe")
                        && let Some(document) = tag.attribute("srcdoc")
                    {
                        self.within(&entities::resolved(document), depth);
                    }
                    self.open(&tag, &mut tokens);
                }
            }
        }
    }

    fn open(&mut self, tag: &Tag<'_>, tokens: &mut Tokens<'_>) {
        let name = tag.name.to_ascii_lowercase();
        let kind = kind(&name);
        if !self.stack.in_foreign() && kind == ElementKind::Unseen {
            let content = tokens.raw_until(&name);
            return self.unseen(&name, content);
        }
        for _ in 0..self.stack.imply_end(&name) {
            self.mark('\u{202c}');
        }
        let mut look = self.stack.look();
        style::apply_attributes(tag, &mut look);
        let flow = style::apply(&self.sheet.declarations(tag), &mut look);
        let perhaps = self.sheet.perhaps(tag);
        if !perhaps.is_empty() {
            let mut other = look;
            style::apply(&perhaps, &mut other);
            look.perhaps |= other.hides();
        }
        // Inside SVG the same names are drawn or described, never text.
        look.gone |= kind == ElementKind::Unseen || kind == ElementKind::Gone;
        if !flow.inline {
            self.breaks(&name);
        }
        match name.as_str() {
            "table" => self.each(Lines::begin_table),
            "tr" => self.each(Lines::begin_row),
            "td" | "th" => self.each(|lines| lines.begin_cell(flow.inline)),
            _ => {}
        }
        match kind {
            ElementKind::Literal => {
                let content = tokens.raw_until(&name);
                let content = if name == "textarea" { entities::resolved(content) } else { content.into() };
                let before = self.stack.swap(look);
                self.lines(&content);
                self.stack.swap(before);
            }
            ElementKind::Void => self.void(&name, tag, look),
            _ => {
                if name == "a" {
                    self.close_link();
                    let target = tag.attribute("href").map(|target| entities::resolved(target).into_owned());
                    let target = target.filter(|target| !target.is_empty() && !is_script(target));
                    self.link = target.map(|target| Link { target, from: self.shown.text.len() });
                }
                // Shown instead of the text of the element.
                if name == "option"
                    && let Some(label) = tag.attribute("label")
                {
                    self.hide(&entities::resolved(label));
                }
                let closed = tag.self_closing && self.stack.in_foreign();
                if !closed {
                    self.stack.open(&name, look, flow);
                    if flow.reversed || name == "bdo" && is_rtl(tag) {
                        self.stack.reverse();
                        self.mark('\u{202e}');
                    }
                }
            }
        }
    }

    fn close(&mut self, name: &str) {
        if name == "a" {
            self.close_link();
        }
        match name {
            "table" => self.each(Lines::end_table),
            "tr" => self.each(Lines::end_row),
            _ => {}
        }
        if let Some(closed) = self.stack.close(name) {
            for _ in 0..closed.reversed {
                self.mark('\u{202c}');
            }
            if closed.inline {
                return;
            }
        }
        match elements::breaks_after(name) {
            0 => {}
            count => self.break_lines(count),
        }
    }

    /// Pictures and fields show words of their attributes.
    fn void(&mut self, name: &str, tag: &Tag<'_>, look: Appearance) {
        let before = self.stack.swap(look);
        let words = match name {
            "img" => tag.attribute("alt"),
            "input" if is_closed_field(tag) => {
                self.hide(&entities::resolved(tag.attribute("value").unwrap_or("")));
                None
            }
            "input" => tag.attribute("value").filter(|v| !v.is_empty()).or_else(|| tag.attribute("placeholder")),
            _ => None,
        };
        if let Some(words) = words {
            // A field stands apart from the text beside it.
            let apart = if name == "input" { " " } else { "" };
            self.say(&format!("{apart}{}{apart}", entities::resolved(words)));
        }
        self.stack.swap(before);
    }

    /// Elements whose content is not shown and is not markup. Of style sheets and scripts only what is not code.
    fn unseen(&mut self, name: &str, content: &str) {
        let prose = |line: &&str| !line.contains(['{', '}', ';', '=', '(']) && !line.trim_end().ends_with([':', ',']);
        match name {
            "style" | "script" => {
                content.lines().take(10_000).filter(prose).for_each(|line| self.hide(line.trim()));
                if name == "style" {
                    sheet::words(content).iter().for_each(|words| self.hide(words));
                }
            }
            _ => self.hide(&entities::resolved(content)),
        }
    }

    fn comment(&mut self, comment: &str, depth: usize) {
        let is_condition = |comment: &str| ["[if", "[endif", "<![endif"].iter().any(|word| comment.starts_with(word));
        if is_condition(comment) && !comment.contains(">") {
            return;
        }
        if !comment.contains('<') {
            return self.hide(comment);
        }
        // Outlook shows what stands in `<!--[if mso]>`; to others it is a comment.
        self.within(comment.split_once("]>").map_or(comment, |(_, inner)| inner), depth);
    }

    /// A document that some programs show within this one.
    fn within(&mut self, html: &str, depth: usize) {
        if depth >= DEPTH {
            return self.hide(html);
        }
        let mut inner = Page::default();
        inner.read(html, depth + 1);
        let inner = inner.finish();
        self.hide(&inner.shown);
        self.hide(&inner.hidden);
    }

    /// Text of a comment or the like, on lines of its own.
    fn hide(&mut self, text: &str) {
        let text = text.trim();
        if !text.is_empty() {
            self.end_hidden();
            self.hidden.push_str(text);
            self.hidden.push_str("\r\n");
        }
    }

    fn end_hidden(&mut self) {
        if self.in_hidden && !self.hidden.is_empty() && !self.hidden.ends_with('\n') {
            self.hidden.push_str("\r\n");
        }
        self.in_hidden = false;
    }

    /// Text where the stack stands.
    fn say(&mut self, text: &str) {
        let upper = self.stack.look().capitals.then(|| text.to_uppercase());
        let text = upper.as_deref().unwrap_or(text);
        if !self.stack.look().hides() {
            if self.in_hidden && !text.trim_ascii().is_empty() {
                self.end_hidden();
            }
            if self.stack.look().perhaps {
                self.least.get_or_insert_with(|| self.shown.clone());
            } else if let Some(least) = &mut self.least {
                least.flow(text, self.stack.keeps_blanks());
            }
            if let Some(whole) = &mut self.whole {
                whole.flow(text, self.stack.keeps_blanks());
            }
            return self.shown.flow(text, self.stack.keeps_blanks());
        }
        if text.trim_ascii().is_empty() {
            return;
        }
        let whole = self.whole.get_or_insert_with(|| self.shown.clone());
        whole.flow(text, false);
        self.in_hidden = true;
        let mut run = Lines::of(std::mem::take(&mut self.hidden));
        run.flow(text, false);
        self.hidden = run.text;
    }

    /// Text whose lines stay.
    fn lines(&mut self, text: &str) {
        for (nth, line) in text.lines().enumerate() {
            if nth > 0 {
                self.break_lines(1);
            }
            self.say(line);
        }
    }

    /// The text, and as others see it.
    fn each(&mut self, change: impl Fn(&mut Lines)) {
        change(&mut self.shown);
        self.whole.iter_mut().chain(&mut self.least).for_each(change);
    }

    fn mark(&mut self, control: char) {
        if !self.stack.look().hides() {
            self.shown.text.push(control);
        }
    }

    fn breaks(&mut self, name: &str) {
        match elements::breaks_before(name) {
            0 => {}
            count => self.break_lines(count),
        }
    }

    fn break_lines(&mut self, count: usize) {
        if self.stack.look().hides() {
            // A break nobody sees parts hidden words only.
            if self.in_hidden {
                self.end_hidden();
                self.in_hidden = true;
            }
            if let Some(whole) = &mut self.whole {
                whole.end(count);
            }
            return;
        }
        let perhaps = self.stack.look().perhaps;
        for lines in self.whole.iter_mut().chain(self.least.iter_mut().filter(|_| !perhaps)) {
            lines.end(count);
        }
        self.shown.end(count);
    }

    /// `text (address)` behind the text of a link; the address alone if there is none.
    fn close_link(&mut self) {
        let Some(Link { target, from }) = self.link.take() else { return };
        let words = self.shown.text.get(from..).unwrap_or("").trim();
        if words == target {
            return;
        }
        let address = if words.is_empty() {
            target
        } else {
            while self.shown.text.ends_with([' ', '\r', '\n']) {
                self.shown.text.pop();
            }
            format!(" ({target})")
        };
        for lines in self.whole.iter_mut().chain(&mut self.least) {
            lines.text.push_str(&address);
        }
        self.shown.text.push_str(&address);
    }

    fn finish(mut self) -> Shown {
        self.end_hidden();
        let logical = self.shown.text;
        let shown = as_displayed(logical.trim_end_matches(' ')).into_owned();
        let mut hidden = self.hidden;
        let mut more = |lines: &str| {
            let known: HashSet<&str> = shown.lines().chain(hidden.lines()).flat_map(line_and_cells).collect();
            // A row of cells that are known says nothing new, whichever of them is hidden.
            let is_known =
                |line: &str| line.split('\t').all(|cell| cell.trim().is_empty() || known.contains(cell.trim()));
            let new = lines.lines().map(str::trim).filter(|line| !known.contains(line) && !is_known(line));
            let new: String = new.flat_map(|line| [line, "\r\n"]).collect();
            hidden.push_str(&new);
        };
        for lines in self.whole.iter().chain(&self.least) {
            more(&lines.text);
        }
        if shown != logical.trim_end_matches(' ') {
            more(&logical);
        }
        Shown { shown, hidden }
    }
}

fn line_and_cells(line: &str) -> impl Iterator<Item = &str> {
    std::iter::once(line).chain(line.split('\t')).map(str::trim)
}

/// Fields whose value no one sees.
fn is_closed_field(tag: &Tag<'_>) -> bool {
    let kind = tag.attribute("type").unwrap_or("text").to_ascii_lowercase();
    matches!(kind.as_str(), "hidden" | "password" | "checkbox" | "radio" | "file" | "image" | "range" | "color")
}

fn is_rtl(tag: &Tag<'_>) -> bool {
    tag.attribute("dir").is_some_and(|dir| dir.trim().eq_ignore_ascii_case("rtl"))
}

fn is_script(target: &str) -> bool {
    let plain: String = target.chars().filter(|c| !c.is_whitespace() && !c.is_control()).take(11).collect();
    plain.eq_ignore_ascii_case("javascript:")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(html: &str) -> String {
        text(html).shown.replace("\r\n", "|")
    }

    fn hidden(html: &str) -> String {
        text(html).hidden.trim().replace("\r\n", "|")
    }

    #[test]
    fn blocks_links_and_blanks_are_shown_as_they_were() {
        let rows = [
            ("<p>two</p><p>paragraphs</p>", "two||paragraphs||"),
            ("two<br>line<br/>breaks", "two|line|breaks"),
            ("a\n b  <b> c</b>", "a b c"),
            ("<ul><li>One</li><li>Two</li></ul>", "One|Two|"),
            ("<table><tr><td>one</td><td>two</td></tr></table>", "one\ttwo|"),
            ("x <a href=\"http://a.example/?a=1&amp;b\">here</a> y", "x here (http://a.example/?a=1&b) y"),
            ("<a href='http://a.example'>http://a.example</a>", "http://a.example"),
            ("<a href=http://a.example/><img src=x></a>", "http://a.example/"),
            ("5 < 6 &amp; 7 &neither; &eacute;&#233;&#xE9;&#146;&hellip;", "5 < 6 & 7 &neither; ééé’…"),
            ("<pre>one\n  two</pre>", "one\n  two|"),
            ("<img alt='a  diagram'>", "a diagram"),
            ("<div style='display:inline'>SEC</div><div style='display:inline'>RET</div>", "SECRET"),
            ("<SCRIPT>var x = 1 < 2;</SCRIPT >good", "good"),
        ];
        for (html, expected) in rows {
            assert_eq!(shown(html), expected, "{html}");
        }
    }

    #[test]
    fn what_a_browser_shows_is_read_and_what_it_hides_is_read_apart() {
        let rows = [
            ("SEC<!-- x --!>RET", "SECRET", "x"),
            ("SEC<!-->RET", "SECRET", ""),
            ("SEC<!--->RET", "SECRET", ""),
            ("SEC<span style='display:none'>xyz</span>RET", "SECRET", "xyz|SECxyzRET"),
            ("SEC<span style=\"font-size: 0px\">xyz</span>RET", "SECRET", "xyz|SECxyzRET"),
            ("SEC<span style='visibility:hidden'>xyz</span>RET", "SECRET", "xyz|SECxyzRET"),
            ("SEC<font color=#FFFFFF>xyz</font>RET", "SECRET", "xyz|SECxyzRET"),
            ("SEC<span style='color:rgb(255, 255, 254)'>xyz</span>RET", "SECRET", "xyz|SECxyzRET"),
            ("<table bgcolor=navy><tr><td style='color:white'>SECRET</td></tr></table>", "SECRET|", ""),
            ("<div style='background:#003 url(x)'><p style='color:#fff'>SECRET</p></div>", "SECRET||", ""),
            ("<style>.h{display:none}</style>SEC<b class='x h'>xyz</b>RET", "SECRET", "xyz|SECxyzRET"),
            ("<style>@media (max-width:9px){.h{display:none}}</style><b class=h>SECRET</b>", "SECRET", ""),
            ("<style>@media all{.h{display:none}}</style>SEC<b class=h>xyz</b>RET", "SECxyzRET", "SECRET"),
            ("<style>@layer a{@supports (x){i{font-size:0}}}</style>SEC<i>xyz</i>RET", "SECxyzRET", "SECRET"),
            ("<style>p  .h,q{display:none}</style>SEC<b class=h>xyz</b>RET", "SECxyzRET", "SECRET"),
            ("<style>[data-h]{display:none}</style>SEC<b data-h>xyz</b>RET", "SECxyzRET", "SECRET"),
            ("<style>b.g.h{display:none}</style>SEC<b class='g h'>xyz</b>RET", "SECxyzRET", "SECRET"),
            ("<style>p:after{Content : 'SEC' \"R\\45T\";x:y}</style><p>a</p>", "a||", "SECRET"),
            ("<style>.q::before{content:'»'} a{content:attr(x)} b{content:'open</style>a", "a", ""),
            ("<style>b#h{display:none}</style>SEC<b id=h>xyz</b>RET", "SECxyzRET", "SECRET"),
            ("<style>.h::after{display:none}</style>SEC<b class=h>RET</b>", "SECRET", ""),
            ("<style>.h{/*}*/dis\\70 lay/**/:none}</style>SEC<b class=h>xyz</b>RET", "SECRET", "xyz|SECxyzRET"),
            ("SEC<b style='d\\69splay:n\\6fne'>xyz</b>RET", "SECRET", "xyz|SECxyzRET"),
            (
                "<style>.h{display:none!important}.h{display:block}</style>SEC<b class=h>xyz</b>RET",
                "SECRET",
                "xyz|SECxyzRET",
            ),
            ("TOP&nbspSECRET &notit; &copy2", "TOP\u{a0}SECRET ¬it; ©2", ""),
            ("<iframe srcdoc='&lt;p&gt;SEC&lt;b&gt;RET'></iframe>seen", "seen", "SECRET"),
            ("<input type=submit value=SECRET><button>x</button>", "SECRET x", ""),
            ("<select><option label=SECRET></select>seen", "seen", "SECRET"),
            ("<div style='font-size:0'><p style='font-size:14px'>SECRET</p></div>", "SECRET||", ""),
            ("<p hidden>SEC<b>RET</b><p>seen", "seen", "SECRET"),
            ("<b style='text-transform:uppercase'>secret <i style='text-transform:none'>ici</i></b>", "SECRET ici", ""),
            ("<title>SECRET</title>seen", "seen", "SECRET"),
            ("<head>SECRET</head>", "SECRET", ""),
            ("<input value=SECRET>", "SECRET", ""),
            ("<input type=hidden value=SECRET>seen", "seen", "SECRET"),
            ("<![CDATA[SECRET]]>seen", "seen", "[CDATA[SECRET]]"),
            ("<svg><style>x</style><text>SEC<![CDATA[RET]]></text><path/></svg>", "SECRET", "x|xSECRET"),
            ("<style>SECRET DEFENSE</style>seen", "seen", "SECRET DEFENSE"),
            ("<style/>a{}</style>SECRET", "SECRET", ""),
            ("<!--[if mso]><p>SECRET</p><![endif]-->seen", "seen", "SECRET"),
            ("<bdo dir=rtl>TERCES</bdo> seen", "SECRET seen", "TERCES seen"),
            ("seen<b SECRET", "seen", "<b SECRET"),
            ("<b title='>SEC'>RET</b>", "RET", ""),
            ("<template>SECRET</template>seen", "seen", "SECRET|SECRETseen"),
        ];
        for (html, seen, unseen) in rows {
            let bare = |text: String| text.replace(['\u{202c}', '\u{202e}'], "");
            assert_eq!((shown(html).as_str(), bare(hidden(html)).as_str()), (seen, unseen), "{html}");
        }
    }
}
