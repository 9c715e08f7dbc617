// SPDX-License-Identifier: EUPL-1.2
//! Limits through a whole gateway: a real child process, a real client, a next hop of our own that counts.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

const SENDER_LIMIT: &str =
    "[[limit]]\nid = \"hourly\"\nper = \"sender\"\nmessages = 3\nevery = \"1h\"\nreason = \"r\"\n";
const CLASS_LIMIT: &str = "[[limit]]\nid = \"webmail\"\nper = \"sender\"\nrecipients = 2\nevery = \"1h\"\n\
                           class = \"private-webmail\"\nreason = \"r\"\n";
const CLIENT_LIMIT: &str = "[[limit]]\nper = \"client\"\nrecipients = 3\nevery = \"1h\"\nreason = \"r\"\n";

const PEOPLE: &str = "mail,unit\na@town.example,sg/achats\nb@town.example,sg/achats\nc@town.example,sg\n";
/// A way to have mail held: by its recipient.
const HOLD: &str = "@id(\"hold\") @disposition(\"quarantine\") @reason(\"r\") forbid (principal, action, resource) \
                    when { resource.address == \"held@elsewhere.example\" };";

/// A next hop that takes everything but mail to `later@…`, and tells each mail it has taken by its recipients.
fn next_hop() -> (SocketAddr, Receiver<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let tell = tell.clone();
            thread::spawn(move || serve(stream, |mail| drop(tell.send(mail))));
        }
    });
    (address, told)
}

fn serve(stream: TcpStream, taken: impl Fn(Vec<String>)) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let mut out = stream;
    out.write_all(b"220 hop\r\n").ok()?;
    let mut recipients = Vec::new();
    while let Some(Ok(line)) = lines.next() {
        let answer = match line.get(..4).unwrap_or_default().to_ascii_uppercase().as_str() {
            "EHLO" => "250-hop\r\n250-PIPELINING\r\n250 ENHANCEDSTATUSCODES\r\n",
            "RCPT" => {
                recipients.push(line[8..].trim_matches(['<', '>']).to_owned());
                "250 2.1.5 ok\r\n"
            }
            "DATA" => {
                out.write_all(b"354 go\r\n").ok()?;
                while lines.next()?.ok()? != "." {}
                let mail = std::mem::take(&mut recipients);
                if mail.iter().any(|to| to.starts_with("later@")) {
                    "451 4.3.0 not now\r\n"
                } else {
                    taken(mail);
                    "250 2.0.0 taken\r\n"
                }
            }
            "RSET" | "MAIL" => {
                recipients.clear();
                "250 2.0.0 ok\r\n"
            }
            "QUIT" => return out.write_all(b"221 bye\r\n").ok(),
            _ => "250 2.0.0 ok\r\n",
        };
        out.write_all(answer.as_bytes()).ok()?;
    }
    Some(())
}

struct Gateway {
    child: Child,
    address: SocketAddr,
    web: SocketAddr,
    lines: Receiver<String>,
    folder: TempDir,
}

impl Gateway {
    fn start(limits: &str, hop: SocketAddr) -> Gateway {
        let folder = tempfile::tempdir().expect("a folder");
        let at = folder.path();
        for sub in ["policies/rules", "policies/domains", "policies/units", "var"] {
            fs::create_dir_all(at.join(sub)).expect("a folder of ours");
        }
        fs::write(at.join("policies/domains/own.list"), "town.example\n").expect("written");
        fs::write(at.join("policies/domains/private-webmail.list"), "gmail.com\n").expect("written");
        fs::write(at.join("policies/domains/press.list"), "journal.example\n").expect("written");
        fs::write(at.join("policies/units/people.csv"), PEOPLE).expect("written");
        fs::write(at.join("policies/rules/a.cedar"), HOLD).expect("written");
        fs::write(at.join("policies/limits.toml"), limits).expect("written");
        // A port nobody has, on an address from which nobody connects meanwhile.
        let address = TcpListener::bind("127.0.0.2:0").and_then(|l| l.local_addr()).expect("a port");
        let web = TcpListener::bind("127.0.0.2:0").and_then(|l| l.local_addr()).expect("a port");
        let settings = format!(
            "[smtp]\nlisten = [\"{address}\"]\nupstream = \"{hop}\"\nhostname = \"gate.town.example\"\n\
             [store]\nurl = \"sqlite:var/octroi.db\"\nblobs = \"file:var/blobs\"\n[policies]\npath = \"policies\"\n\
             [web]\nlisten = \"{web}\"\n[cli]\nsocket = \"{}\"\n",
            at.join("var/control.sock").display()
        );
        fs::write(at.join("octroi.toml"), settings).expect("written");
        let mut child = Command::new(env!("CARGO_BIN_EXE_octroi"))
            .args(["serve", "--config"])
            .arg(at.join("octroi.toml"))
            .stderr(Stdio::piped())
            .spawn()
            .expect("the gateway");
        let lines = lines(child.stderr.take().expect("piped"));
        let gateway = Gateway { child, address, web, lines, folder };
        gateway.wait_for("ready smtp=");
        gateway
    }

    /// Reads the log up to the line that says so.
    fn wait_for(&self, word: &str) -> String {
        let mut seen = String::new();
        loop {
            let Ok(line) = self.lines.recv_timeout(Duration::from_secs(60)) else { panic!("no `{word}` in:\n{seen}") };
            if line.contains(word) {
                return line;
            }
            seen.push_str(&line);
            seen.push('\n');
        }
    }

    /// How often the limit was met, by the metrics page.
    fn refused(&self, limit: &str) -> u64 {
        let mut stream = TcpStream::connect(self.web).expect("the pages");
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("sent");
        let mut page = String::new();
        stream.read_to_string(&mut page).expect("a page");
        let line = format!("octroi_limit_met_total{{limit=\"{limit}\",result=\"refused\"}} ");
        page.lines().find_map(|row| row.strip_prefix(&line)).map_or(0, |count| count.parse().expect("a number"))
    }

    fn client(&self) -> Client {
        Client::connect(self.address)
    }

    fn policies(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let _ = tell.send(line);
        }
    });
    told
}

struct Client {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Client {
    fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).expect("the gateway listens");
        let mut client = Client { lines: BufReader::new(stream.try_clone().expect("a socket")), stream };
        client.reply();
        client.say("EHLO client.town.example");
        client
    }

    fn reply(&mut self) -> String {
        loop {
            let mut line = String::new();
            self.lines.read_line(&mut line).expect("a reply");
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.trim_end().to_owned();
            }
        }
    }

    fn say(&mut self, line: &str) -> String {
        self.stream.write_all(format!("{line}\r\n").as_bytes()).expect("sent");
        self.reply()
    }

    /// One mail; the reply that decides: the final dot's, or the first that is no 2xx.
    fn send(&mut self, from: &str, to: &[&str]) -> String {
        let begun = self.say(&format!("MAIL FROM:<{from}>"));
        if !begun.starts_with("250") {
            return begun;
        }
        for to in to {
            let answer = self.say(&format!("RCPT TO:<{to}>"));
            if !answer.starts_with("250") {
                self.say("RSET");
                return answer;
            }
        }
        self.say("DATA");
        self.say(&format!("From: <{from}>\r\nSubject: bonjour\r\n\r\nBonjour,\r\n."))
    }
}

#[test]
fn the_next_mail_over_the_limit_is_put_off_and_the_next_hop_sees_only_what_passed() {
    let (hop, taken) = next_hop();
    let gateway = Gateway::start(SENDER_LIMIT, hop);
    let mut client = gateway.client();
    // What the next hop puts off does not count, however often.
    for _ in 0..2 {
        assert!(client.send("a@town.example", &["later@elsewhere.example"]).starts_with("451 4.3.0 not now"));
    }
    for n in 0..2 {
        assert!(client.send("a@town.example", &["x@elsewhere.example"]).starts_with("250"), "mail {n}");
    }
    assert!(client.send("A+1@town.example", &["x@elsewhere.example"]).starts_with("250"), "the third, under a tag");
    let refused = client.send("a@town.example", &["x@elsewhere.example"]);
    assert!(refused.starts_with("450 4.7.1 too much mail for now, try again in "), "{refused}");
    assert!(gateway.wait_for("limit met, refused").contains("hourly"));
    assert!(client.send("b@town.example", &["x@elsewhere.example"]).starts_with("250"), "another sender");
    assert_eq!(taken.try_iter().count(), 4);
    // A reload leaves what was counted, and a change of the limit begins anew.
    fs::write(gateway.policies().join("policies/domains/partner.list"), "p.example\n").expect("written");
    hang_up(&gateway);
    assert!(client.send("a@town.example", &["x@elsewhere.example"]).starts_with("450"));
    fs::write(gateway.policies().join("policies/limits.toml"), SENDER_LIMIT.replace("= 3", "= 9")).expect("written");
    hang_up(&gateway);
    assert!(client.send("a@town.example", &["x@elsewhere.example"]).starts_with("250"));
}

fn hang_up(gateway: &Gateway) {
    let told = Command::new("kill").args(["-HUP", &gateway.child.id().to_string()]).status().expect("kill");
    assert!(told.success());
    gateway.wait_for("reloaded");
}

#[test]
fn a_class_is_counted_at_the_final_dot_and_recipients_at_rcpt() {
    let (hop, taken) = next_hop();
    let gateway = Gateway::start(CLASS_LIMIT, hop);
    let mut client = gateway.client();
    let at_once = client.send("a@town.example", &["1@gmail.com", "2@gmail.com", "3@gmail.com"]);
    assert!(at_once.starts_with("550 5.5.3 more recipients"), "{at_once}");
    assert!(client.send("a@town.example", &["1@gmail.com", "c@town.example", "d@town.example"]).starts_with("250"));
    let second = client.send("a@town.example", &["1@gmail.com", "2@gmail.com"]);
    assert!(second.starts_with("451 4.7.1 too much mail for now, try again in "), "{second}");
    assert!(gateway.wait_for("disposition=defer").contains("rule=limit:webmail"));
    assert!(client.send("a@town.example", &["2@gmail.com"]).starts_with("250"));
    assert_eq!(taken.try_iter().map(|to| to.len()).collect::<Vec<_>>(), [3, 1]);

    let (hop, taken) = next_hop();
    let gateway = Gateway::start(CLIENT_LIMIT, hop);
    let mut client = gateway.client();
    // Pipelined: five recipients where three have room.
    let batch: String = (1..=5).map(|n| format!("RCPT TO:<{n}@elsewhere.example>\r\n")).collect();
    assert!(client.say(&format!("MAIL FROM:<a@town.example>\r\n{}", batch.trim_end())).starts_with("250"));
    let replies: Vec<String> = (0..5).map(|_| client.reply()).collect();
    assert!(replies[..3].iter().all(|reply| reply.starts_with("250")), "{replies:?}");
    assert!(replies[3..].iter().all(|reply| reply.starts_with("452 4.5.3 too many recipients for now")), "{replies:?}");
    client.say("DATA");
    assert!(client.say("Subject: x\r\n\r\nx\r\n.").starts_with("250"));
    assert_eq!(taken.try_iter().map(|to| to.len()).collect::<Vec<_>>(), [3]);
}

/// Twelve clients at once, three mails each, while seven have room.
#[test]
fn of_many_at_once_exactly_as_many_pass_as_there_is_room() {
    for (per, row, senders, to) in [
        ("client", "per = \"client\"\nmessages = 7", ["a", "b", "c"], "x@elsewhere.example"),
        ("sender", "per = \"sender\"\nmessages = 7", ["a", "a+1", "A"], "x@elsewhere.example"),
        ("unit", "per = \"unit\"\nmessages = 7", ["a", "b", "c"], "x@elsewhere.example"),
        ("everyone", "per = \"everyone\"\nrecipients = 7", ["a", "b", "d"], "x@elsewhere.example"),
        ("class", "per = \"everyone\"\nmessages = 7\nclass = \"private-webmail\"", ["a", "b", "d"], "x@gmail.com"),
        ("list", "per = \"everyone\"\nrecipients = 7\nlist = \"press\"", ["a", "b", "d"], "x@journal.example"),
    ] {
        let (hop, taken) = next_hop();
        let gateway =
            Gateway::start(&format!("[[limit]]\nid = \"most\"\n{row}\nevery = \"1d\"\nreason = \"r\"\n"), hop);
        let replies: Vec<String> = thread::scope(|scope| {
            let client = |n: usize| {
                let (address, sender) = (gateway.address, senders[n % 3]);
                move || {
                    let mut client = Client::connect(address);
                    (0..3).map(|_| client.send(&format!("{sender}@town.example"), &[to])).collect::<Vec<_>>()
                }
            };
            let sessions: Vec<_> = (0..12).map(|n| scope.spawn(client(n))).collect();
            sessions.into_iter().flat_map(|session| session.join().expect("a session")).collect()
        });
        let passed = replies.iter().filter(|reply| reply.starts_with("250")).count();
        let put_off = replies.iter().filter(|reply| reply.starts_with("45") && reply.contains("try again in")).count();
        assert_eq!((passed, put_off), (7, 29), "{per}: {replies:?}");
        assert_eq!(taken.try_iter().count(), 7, "{per}");
        // The page is drawn up every other second.
        let patience = Instant::now() + Duration::from_secs(60);
        while gateway.refused("most") < 29 && Instant::now() < patience {}
        assert_eq!(gateway.refused("most"), 29, "{per}");
        // Who is on no such list, or writes to nobody of that class, goes free.
        if ["class", "list"].contains(&per) {
            assert!(gateway.client().send("a@town.example", &["x@elsewhere.example"]).starts_with("250"), "{per}");
        }
    }
}

#[test]
fn a_repeat_of_a_held_mail_is_counted_once() {
    let (hop, _taken) = next_hop();
    let gateway = Gateway::start(&SENDER_LIMIT.replace("= 3", "= 2"), hop);
    let mut client = gateway.client();
    let first = client.send("a@town.example", &["held@elsewhere.example"]);
    assert!(first.starts_with("250 2.0.0 accepted as "), "{first}");
    for _ in 0..4 {
        assert_eq!(client.send("a@town.example", &["held@elsewhere.example"]), first, "decision D11");
    }
    assert!(client.send("a@town.example", &["x@elsewhere.example"]).starts_with("250"), "one of two is left");
    assert!(client.send("a@town.example", &["x@elsewhere.example"]).starts_with("450"), "and no more");
}
