// SPDX-License-Identifier: EUPL-1.2
//! Decides whether a link to a known service shares something, or only names the service.
//!
//! The paths are those that the services' own "share", "invite" and "join" buttons made in 2025 and 2026.

use crate::detect::reading::link_hosts::LinkKind;

/// Path beginnings that share, per service. `*` is one segment of at least four characters; a path that goes on
/// after a beginning still matches.
const PATHS: &[(&str, &[&str])] = &[
    // cloud storage
    (
        "drive.google.com",
        &["/file/", "/drive/folders/", "/drive/u/", "/open", "/uc", "/folderview", "/folders/", "/a/"],
    ),
    (
        "docs.google.com",
        &["/document/", "/spreadsheets/", "/presentation/", "/forms/", "/file/", "/drawings/", "/uc", "/open"],
    ),
    ("photos.google.com", &["/share/", "/album/"]),
    ("photos.app.goo.gl", &["/*"]),
    ("dropbox.com", &["/s/", "/sh/", "/scl/", "/t/", "/l/", "/request/", "/transfer/", "/paper/", "/sc/"]),
    ("db.tt", &["/"]),
    (
        "onedrive.live.com",
        &["/?", "/redir", "/edit", "/embed", "/view", "/personal/", "/survey", "/download", "/:", "/picker"],
    ),
    ("1drv.ms", &["/"]),
    ("sharepoint.com", &["/:", "/personal/", "/sites/", "/_layouts/", "/r/"]),
    (
        "icloud.com",
        &["/iclouddrive/", "/photos/#", "/sharedalbum/", "/pages/", "/numbers/", "/keynote/", "/attachment", "/notes/"],
    ),
    ("share.icloud.com", &["/"]),
    ("mega.nz", &["/folder/", "/file/", "/#", "/fm/", "/collection/"]),
    ("mega.io", &["/folder/", "/file/"]),
    ("box.com", &["/s/", "/v/", "/file/", "/folder/", "/shared/"]),
    ("pcloud.link", &["/"]),
    ("pcloud.com", &["/publink/", "/#page=publink"]),
    ("disk.yandex.ru", &["/d/", "/i/"]),
    ("disk.yandex.com", &["/d/", "/i/"]),
    ("yadi.sk", &["/"]),
    ("kdrive.infomaniak.com", &["/app/share/", "/app/drive/", "/app/collaborate/"]),
    // file transfer
    ("wetransfer.com", &["/downloads/", "/t/", "/previews/", "/board/", "/reviews/"]),
    ("transfer.pcloud.com", &["/download.html?"]),
    ("we.tl", &["/t-", "/*"]),
    ("swisstransfer.com", &["/d/"]),
    ("smash.gg", &["/*"]),
    ("fromsmash.com", &["/*"]),
    ("transfernow.net", &["/dl/", "/fr/bld", "/en/bld"]),
    ("grosfichiers.com", &["/*"]),
    ("filemail.com", &["/d/", "/t/"]),
    ("send.vis.ee", &["/download/"]),
    ("transfert.free.fr", &["/*"]),
    ("dl.free.fr", &["/"]),
    ("1fichier.com", &["/?", "/dir/"]),
    ("mediafire.com", &["/file/", "/folder/", "/view/", "/?", "/download/"]),
    // messengers
    ("wa.me", &["/"]),
    ("whatsapp.com", &["/channel/", "/send"]),
    ("chat.whatsapp.com", &["/*"]),
    ("api.whatsapp.com", &["/send"]),
    ("web.whatsapp.com", &["/send", "/accept"]),
    ("t.me", &["/"]),
    ("telegram.me", &["/"]),
    ("telegram.dog", &["/"]),
    ("signal.me", &["/#"]),
    ("signal.group", &["/#"]),
    ("signal.art", &["/addstickers"]),
    ("m.me", &["/"]),
    ("messenger.com", &["/t/", "/g/"]),
    ("discord.gg", &["/"]),
    ("discord.com", &["/invite/", "/channels/"]),
    ("join.skype.com", &["/"]),
    ("viber.click", &["/"]),
    ("line.me", &["/r/", "/ti/"]),
    ("threema.id", &["/"]),
    ("slack.com", &["/archives/", "/shared_invite/", "/t/"]),
    // meetings
    ("teams.microsoft.com", TEAMS),
    ("teams.microsoft.us", TEAMS),
    ("teams.cloud.microsoft", TEAMS),
    ("teams.live.com", &["/meet/", "/l/"]),
    ("zoom.us", ZOOM),
    ("zoom.com", ZOOM),
    ("zoomgov.com", ZOOM),
    ("webex.com", &["/meet/", "/join/", "/m/", "/webappng/sites/", "/wbxmjs/", "/weblink/", "/j.php", "/mw3300/"]),
    ("gotomeet.me", &["/"]),
    ("gotomeeting.com", &["/join/"]),
    ("meet.goto.com", &["/"]),
    ("livestorm.co", &["/p/"]),
    ("openrainbow.com", &["/#/invite", "/#/meeting", "/invite/", "/meeting/", "/rainbow/"]),
];

const TEAMS: &[&str] =
    &["/l/meetup-join/", "/l/meeting/", "/meet/", "/_#/meet", "/_#/l/meetup-join/", "/dl/launcher", "/v2/?meetingjoin"];
const ZOOM: &[&str] = &["/j/", "/my/", "/w/", "/s/", "/wc/", "/meeting/", "/webinar/", "/rec/", "/launch/", "/join/"];
/// Longest path before the word, in bytes: a language or a user; Webex repeats the site's name, which has up to 63.
const FRONT: usize = 12;
const SITE: usize = 64;

/// First words of paths that lead to a service's own pages, not to something shared.
const HOUSE: &[&str] = &[
    "about",
    "accessibility",
    "account",
    "accounts",
    "apps",
    "app-store",
    "blog",
    "business",
    "careers",
    "contact",
    "cookies",
    "copyright",
    "developers",
    "download",
    "downloads",
    "en",
    "en-gb",
    "en-us",
    "entreprise",
    "explore",
    "faq",
    "features",
    "fr",
    "fr-fr",
    "gdpr",
    "guide",
    "help",
    "home",
    "index.html",
    "index.php",
    "jobs",
    "legal",
    "login",
    "logout",
    "nl",
    "nl-nl",
    "news",
    "plans",
    "policies",
    "press",
    "pricing",
    "privacy",
    "register",
    "security",
    "settings",
    "share.php",
    "sharer.php",
    "sharer",
    "signin",
    "signup",
    "status",
    "support",
    "tarifs",
    "terms",
    "tos",
    "intent",
    "hashtag",
    "search",
    "aide",
    "cgu",
    "mentions-legales",
    "favicon.ico",
    "static",
    "assets",
];

/// Whether `rest` (path, query, fragment) of an address on `host` shares something.
pub fn shares(kind: LinkKind, host: &str, rest: &str) -> bool {
    let rest = if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
    let lower = rest.to_lowercase();
    // The nearest row speaks for the host.
    let row = PATHS
        .iter()
        .filter(|(service, _)| host == *service || host.strip_suffix(service).is_some_and(|front| front.ends_with('.')))
        .max_by_key(|(service, _)| service.len());
    match row {
        Some((_, beginnings)) => {
            let front = if kind == LinkKind::Meeting { SITE } else { FRONT };
            beginnings.iter().any(|beginning| begins(&lower, beginning, front))
        }
        None if kind == LinkKind::Meeting && host.starts_with("meet.google.") => is_meet_code(&lower),
        None => leads_to_something(&lower[1..]),
    }
}

/// Of a service without a row: anything but its own pages. `/d/aB3xY9`, `/?g2=AQAzbT`, `/download/8c2e41f0a7.html` and
/// `/fr/d/aB3xY9` lead to something, `/`, `/fr/pricing` and `/download` do not.
fn leads_to_something(path: &str) -> bool {
    let (path, query) = path.split_at(path.find(['?', '#']).unwrap_or(path.len()));
    let mut segments = path.split('/').filter(|segment| !segment.is_empty()).peekable();
    if segments.peek().is_some_and(|first| ["fr", "en", "nl", "de", "fr-fr", "en-gb", "en-us", "nl-nl"].contains(first))
    {
        segments.next();
    }
    let (first, second) = (segments.next().unwrap_or(""), segments.next().unwrap_or(""));
    let token = |text: &str| text.len() >= 6 && text.bytes().any(|b| b.is_ascii_digit());
    match first.len() {
        0 => query.split(['=', '#', '!']).any(token),
        1 => second.len() >= 4 && !HOUSE.contains(&second),
        _ if HOUSE.contains(&first) => ["download", "downloads"].contains(&first) && token(second),
        _ => true,
    }
}

/// Rooms of a house's own Jitsi, BigBlueButton or Tixeo stand on no list; their host names say what they are, or the path
/// does, which no other program writes so.
pub fn is_meeting_room(host: &str, rest: &str) -> bool {
    const HOSTS: &[&str] = &[
        "visio",
        "visioconf",
        "visioconference",
        "webconf",
        "webconference",
        "jitsi",
        "meet",
        "bbb",
        "bigbluebutton",
        "greenlight",
        "videoconf",
        "videoconference",
        "webinaire",
        "webinar",
        "videobellen",
        "videovergaderen",
        "vergadering",
        "vergaderen",
        "videokonferenz",
        "konferenz",
        "konferenzen",
        "tixeo",
        "pexip",
        "rendez-vous",
        "galene",
    ];
    let first = host.split('.').next().unwrap_or("");
    let own = host.split('.').count() >= 3;
    own && HOSTS.contains(&first) && shares(LinkKind::Meeting, host, rest) || own && is_room_path(&rest.to_lowercase())
}

/// Greenlight 3: `/rooms/abc-def-ghi/join`, Greenlight 2: `/b/abc-def-ghi`; Pexip: `/webapp/#/?conference=`, `/webapp/m/NAME`,
/// `/webapp3/conference/NAME` (as their join buttons write them, 2025).
fn is_room_path(path: &str) -> bool {
    let code = |text: &str| {
        let code = text.split(['/', '?', '#']).next().unwrap_or("");
        let groups: Vec<&str> = code.split('-').collect();
        let sound = |group: &&str| (3..=4).contains(&group.len()) && group.bytes().all(|b| b.is_ascii_alphanumeric());
        (3..=4).contains(&groups.len()) && groups.iter().all(sound)
    };
    let pexip = |rest: &str| {
        let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        rest.contains("conference=") || rest.contains("/m/") || rest.contains("/conference/")
    };
    path.split_once("/rooms/").is_some_and(|(_, rest)| code(rest))
        || path.strip_prefix("/b/").is_some_and(code)
        || path.strip_prefix("/webapp").is_some_and(pexip)
}

fn begins(path: &str, beginning: &str, longest: usize) -> bool {
    if let Some(front) = beginning.strip_suffix('*') {
        let segment = path.strip_prefix(front).unwrap_or("").split(['/', '?', '#']).next().unwrap_or("");
        return segment.len() >= 4 && !HOUSE.contains(&segment);
    }
    if beginning == "/" {
        let first = path[1..].split(['/', '?', '#']).next().unwrap_or("");
        return !first.is_empty() && !HOUSE.contains(&first) || path.contains('?') || path.contains('#');
    }
    // Services put language and user before the word: /fr/downloads/…, /u/0/…, /s/…
    path.starts_with(beginning)
        || path
            .split_once(beginning)
            .is_some_and(|(front, _)| front.matches('/').count() <= 2 && front.len() <= longest && beginning.len() > 3)
}

/// `abc-defg-hij`, or a nickname under /lookup/.
fn is_meet_code(path: &str) -> bool {
    let code = path[1..].split(['/', '?', '#']).next().unwrap_or("");
    code == "lookup" || code.len() == 12 && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_told_from_a_shop_window() {
        let cases = [
            (LinkKind::CloudStorage, "drive.google.com", "/file/d/1QqWwEe/view", true),
            (LinkKind::CloudStorage, "www.dropbox.com", "/scl/fo/9x8y7z/AbC?rlkey=1", true),
            (LinkKind::CloudStorage, "www.dropbox.com", "/features/cloud-storage", false),
            (LinkKind::CloudStorage, "onedrive.live.com", "/?id=root", true),
            (LinkKind::CloudStorage, "contoso-my.sharepoint.com", "/:w:/g/personal/x", true),
            (LinkKind::FileTransfer, "wetransfer.com", "/", false),
            (LinkKind::FileTransfer, "we.tl", "/t-AbCdEf1234", true),
            (LinkKind::Messenger, "wa.me", "/33639980000", true),
            (LinkKind::Messenger, "t.me", "", false),
            (LinkKind::Messenger, "signal.group", "/#CjQKIA", true),
            (LinkKind::FileTransfer, "gofile.io", "/d/ab3xy9", true),
            (LinkKind::FileTransfer, "catupload.com", "/download/8c2e41f0a7.html", true),
            (LinkKind::FileTransfer, "catupload.com", "/download", false),
            (LinkKind::FileTransfer, "myairbridge.com", "/fr/#!/link/abcd1234", true),
            (LinkKind::FileTransfer, "myairbridge.com", "/fr/", false),
            (LinkKind::FileTransfer, "gofile.io", "/fr/pricing", false),
            (LinkKind::Messenger, "invite.viber.com", "/?g2=aqazbty0px1n2", true),
            (LinkKind::Messenger, "invite.viber.com", "/?lang=fr", false),
            (LinkKind::Meeting, "teams.microsoft.com", "/l/meetup-join/19%3a", true),
            (LinkKind::Meeting, "prefecture.webex.com", "/prefecture-du-rhone/j.php?mtid=m1", true),
            (LinkKind::Meeting, "app.zoom.us", "/launch/jc/82411390712", true),
            (LinkKind::Meeting, "gov.teams.microsoft.us", "/l/meetup-join/19%3a", true),
            (LinkKind::Meeting, "app.livestorm.co", "/p/0a1b2c/live", true),
            (LinkKind::Meeting, "web.openrainbow.com", "/#/invite/5f3a2b", true),
            (LinkKind::Meeting, "livestorm.co", "/pricing", false),
            (LinkKind::Meeting, "zoom.us", "/pricing", false),
            (LinkKind::Meeting, "meet.google.com", "/abc-defg-hij", true),
            (LinkKind::Meeting, "meet.google.com", "/about", false),
            (LinkKind::Meeting, "visio.numerique.gouv.fr", "/abcdefghij", true),
            (LinkKind::Social, "www.tiktok.com", "/@cabinet/video/72", true),
            (LinkKind::Social, "www.facebook.com", "/sharer.php?u=x", false),
            (LinkKind::Social, "www.facebook.com", "/privacy/policy", false),
        ];
        let rooms = [
            ("tixeo.ville.example", "/reunion/plan-7", true),
            ("konferenz.stadt.example", "/raum/haushalt", true),
            ("vergadering.gemeente.example", "/kade", true),
            ("classe.ville.example", "/rooms/kx2-9ab-4tz/join", true),
            ("pexip.ville.example", "/webapp/#/?conference=plan", true),
            ("conf.ville.example", "/webapp/m/plan", true),
            ("www.hotel.example", "/rooms/deluxe", false),
            ("www.ville.example", "/b/plan", false),
            ("tixeo.example", "/reunion/plan-7", false),
        ];
        for (host, rest, expected) in rooms {
            assert_eq!(is_meeting_room(host, rest), expected, "{host}{rest}");
        }
        for (kind, host, rest, expected) in cases {
            assert_eq!(shares(kind, host, rest), expected, "{host}{rest}");
        }
    }
}
