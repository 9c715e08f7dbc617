// SPDX-License-Identifier: EUPL-1.2
//! RFC 5321, section by section: what the client says and the code of the last reply it gets.

use super::transcript::{Exchange, parse, pure};

const HELLO: &str = "EHLO c.example\r\n";
const MAIL: &str = "EHLO c.example\r\nMAIL FROM:<a@b.example>\r\n";
const RCPT: &str = "EHLO c.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n";

/// Section, what went before, the line, the code.
#[rustfmt::skip]
const TABLE: &[(&str, &str, &str, u16)] = &[
    ("§2.3.8",       HELLO, "NOOP\n",                                      500),
    ("§2.3.8",       HELLO, "NO\rOP\r\n",                                  500),
    ("§2.4",         "",    "ehlo c.example\r\n",                          250),
    ("§2.4",         MAIL,  "rcpt to:<C@D.example>\r\n",                   250),
    ("§3.1",         "",    "",                                            220),
    ("§3.3",         HELLO, "MAIL FROM:<>\r\n",                            250),
    ("§3.3",         HELLO, "RCPT TO:<c@d.example>\r\n",                   503),
    ("§3.3",         HELLO, "DATA\r\n",                                    503),
    ("§3.3",         MAIL,  "DATA\r\n",                                    503),
    ("§3.3",         RCPT,  "DATA\r\n",                                    354),
    ("§3.5.3",       HELLO, "VRFY anybody\r\n",                            252),
    ("§3.5.3",       HELLO, "EXPN list\r\n",                               252),
    ("§4.1.1",       HELLO, "NOOP   \r\n",                                 250),
    ("§4.1.1",       HELLO, "RSET now\r\n",                                501),
    ("§4.1.1",       RCPT,  "DATA now\r\n",                                501),
    ("§4.1.1",       HELLO, "QUIT now\r\n",                                501),
    ("§4.1.1.1",     "",    "HELO c.example\r\n",                          250),
    ("§4.1.1.1",     "",    "EHLO [192.0.2.1]\r\n",                        250),
    ("§4.1.1.1",     "",    "EHLO\r\n",                                    501),
    ("§4.1.1.1",     "",    "HELO\r\n",                                    501),
    ("§4.1.1.2",     HELLO, "MAIL FROM:<a@b.example>\r\n",                 250),
    ("§4.1.1.2",     HELLO, "MAIL FROM: <a@b.example>\r\n",                250),
    ("§4.1.1.2",     HELLO, "MAIL <a@b.example>\r\n",                      501),
    ("§4.1.1.2",     HELLO, "MAIL FROM:a@b.example\r\n",                   501),
    ("§4.1.1.2",     HELLO, "MAIL FROM:<a@b.example\r\n",                  501),
    ("§4.1.1.2",     HELLO, "MAIL FROM:<a b@c.example>\r\n",               501),
    ("§4.1.1.2",     HELLO, "MAIL FROM:<a>\r\n",                           501),
    ("§4.1.1.3",     MAIL,  "RCPT TO:<Postmaster>\r\n",                    250),
    ("§4.1.1.3",     MAIL,  "RCPT TO:<>\r\n",                              501),
    ("§4.1.1.3",     MAIL,  "RCPT TO:<c>\r\n",                             501),
    ("§4.1.1.3",     MAIL,  "RCPT FROM:<c@d.example>\r\n",                501),
    ("§4.1.1.3, C",  MAIL,  "RCPT TO:<@x.example,@y.example:c@d.example>\r\n", 250),
    ("§4.1.1.3, C",  MAIL,  "RCPT TO:<@x.example:@y.example>\r\n",         501),
    ("§4.1.1.4",     RCPT,  "DATA\r\nSubject: x\r\n\r\nx\r\n.\r\n",        250),
    ("§4.1.1.4",     RCPT,  "DATA\r\n.\r\n",                               250),
    ("§4.1.1.5",     RCPT,  "RSET\r\n",                                    250),
    ("§4.1.1.5",     "",    "RSET\r\n",                                    250),
    ("§4.1.1.5",     RCPT,  "RSET\r\nDATA\r\n",                            503),
    ("§4.1.1.8",     HELLO, "HELP\r\n",                                    214),
    ("§4.1.1.8",     HELLO, "HELP MAIL\r\n",                               214),
    ("§4.1.1.9",     "",    "NOOP\r\n",                                    250),
    ("§4.1.1.9",     RCPT,  "NOOP ignored\r\n",                            250),
    ("§4.1.1.10",    RCPT,  "QUIT\r\n",                                    221),
    ("§4.1.1.11",    HELLO, "MAIL FROM:<a@b.example> UNKNOWN=1\r\n",       555),
    ("§4.1.1.11",    HELLO, "MAIL FROM:<a@b.example> BODY=BINARYMIME\r\n", 555),
    ("§4.1.1.11",    HELLO, "MAIL FROM:<a@b.example> BODY=8BITMIME\r\n",   250),
    ("§4.1.1.11",    HELLO, "MAIL FROM:<a@b.example> SMTPUTF8\r\n",        555),
    ("§4.1.1.11",    HELLO, "MAIL FROM:<a@b.example> SIZE=10 SIZE=10\r\n", 501),
    ("§4.1.1.11",    MAIL,  "RCPT TO:<c@d.example> NOTIFY=NEVER\r\n",      250),
    ("§4.1.1.11",    MAIL,  "RCPT TO:<c@d.example> SIZE=10\r\n",           555),
    ("§4.1.2",       HELLO, "MAIL FROM:<\"a b\"@c.example>\r\n",           250),
    ("§4.1.2",       HELLO, "MAIL FROM:<\"a>\\\"b\"@c.example>\r\n",       250),
    ("§4.1.2",       HELLO, "MAIL FROM:<a@b.example>x\r\n",                501),
    ("§4.1.2",       HELLO, "MAIL FROM:<a\0@b.example>\r\n",               501),
    ("§4.1.3",       MAIL,  "RCPT TO:<c@[192.0.2.1]>\r\n",                 250),
    ("§4.1.3",       MAIL,  "RCPT TO:<c@[IPv6:2001:db8::1]>\r\n",          250),
    ("§4.1.3",       MAIL,  "RCPT TO:<c@[IPv6:nonsense]>\r\n",             501),
    ("§4.1.4",       "",    "MAIL FROM:<a@b.example>\r\n",                 503),
    ("§4.1.4",       MAIL,  "MAIL FROM:<a@b.example>\r\n",                 503),
    ("§4.1.4",       RCPT,  "EHLO c.example\r\nDATA\r\n",                  503),
    ("§4.1.4",       RCPT,  "MAIL FROM:<x@y.example>\r\nDATA\r\n",         354),
    ("§4.2.4",       HELLO, "NONSENSE\r\n",                                500),
    ("§4.2.4",       HELLO, "\r\n",                                        500),
    ("§4.2.4",       HELLO, "TURN\r\n",                                    500),
    ("§4.2.4",       HELLO, "STARTTLS\r\n",                                502),
    ("§4.2.4",       HELLO, "XFORWARD NAME=x\r\n",                         502),
    ("§4.2.4",       HELLO, "XCLIENT NAME=x\r\n",                         502),
    ("§4.2.4",       HELLO, "PROXY TCP4 192.0.2.1 192.0.2.2 1 25\r\n",    502),
    ("RFC 3030 §2",  RCPT,  "BDAT 3\r\nx\r\n",                           250),
    ("RFC 3030 §2",  RCPT,  "BDAT 3 LAST\r\nx\r\n",                      250),
    ("RFC 3030 §2",  RCPT,  "bdat 0 last\r\n",                           250),
    ("RFC 3030 §2",  RCPT,  "BDAT 3\r\nx\r\nBDAT 0 LAST\r\n",           250),
    ("RFC 3030 §2",  RCPT,  "BDAT 3\r\nx\r\nRSET\r\n",                   250),
    ("RFC 3030 §2",  RCPT,  "BDAT 3\r\nx\r\nRCPT TO:<e@d.example>\r\n", 503),
    ("RFC 3030 §2",  RCPT,  "BDAT 3\r\nx\r\nDATA\r\n",                   503),
    ("RFC 3030 §2",  RCPT,  "BDAT 3\r\nx\r\nMAIL FROM:<>\r\n",           503),
    ("RFC 3030 §2",  MAIL,  "BDAT 6 LAST\r\nRSET\r\n",                   503),
    ("RFC 3030 §2",  HELLO, "BDAT 6 LAST\r\nNOOP\r\n",                   503),
    ("RFC 3030 §2",  "",    "BDAT 6 LAST\r\nNOOP\r\n",                   503),
    ("RFC 3030 §2",  RCPT,  "BDAT 3 LAST\r\nx\r\nBDAT 0 LAST\r\n",      503),
    ("RFC 3030 §2",  RCPT,  "BDAT\r\n",                                  501),
    ("RFC 3030 §2",  RCPT,  "BDAT x LAST\r\n",                           501),
    ("RFC 3030 §2",  RCPT,  "BDAT +1 LAST\r\n",                          501),
    ("RFC 3030 §2",  RCPT,  "BDAT 1 FIRST\r\n",                          501),
    ("RFC 3030 §2",  RCPT,  "BDAT 99999999999999999999 LAST\r\n",        501),
    ("RFC 3030 §3",  HELLO, "MAIL FROM:<a@b.example> BODY=BINARYMIME\r\n", 555),
    ("RFC 4954 §4",  HELLO, "AUTH PLAIN AGEAYg==\r\n",                   502),
    ("RFC 4954 §5",  HELLO, "MAIL FROM:<a@b.example> AUTH=<>\r\n",       555),
    ("RFC 6710 §4",  HELLO, "MAIL FROM:<a@b.example> MT-PRIORITY=3\r\n", 555),
    ("RFC 8689 §4",  HELLO, "MAIL FROM:<a@b.example> REQUIRETLS\r\n",    555),
    ("§4.5.1",       MAIL,  "RCPT TO:<postMASTER@d.example>\r\n",          250),
    ("§4.5.2",       RCPT,  "DATA\r\n..\r\n.\r\n",                         250),
    ("§4.5.5",       HELLO, "MAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\n",   250),
    ("RFC 1870 §6",  HELLO, "MAIL FROM:<a@b.example> SIZE=10000\r\n",      250),
    ("RFC 1870 §6",  HELLO, "MAIL FROM:<a@b.example> SIZE=10001\r\n",      552),
    ("RFC 1870 §6",  HELLO, "MAIL FROM:<a@b.example> SIZE=99999999999999999999\r\n", 552),
    ("RFC 1870 §6",  HELLO, "MAIL FROM:<a@b.example> SIZE=-1\r\n",         501),
    ("RFC 3461 §4",  HELLO, "MAIL FROM:<a@b.example> RET=HDRS ENVID=x\r\n", 250),
    ("RFC 3461 §4",  HELLO, "MAIL FROM:<a@b.example> RET=ALL\r\n",         501),
    ("RFC 6531 §3.5", HELLO, "MAIL FROM:<é@b.example>\r\n",                553),
    ("RFC 6531 §3.5", MAIL, "RCPT TO:<é@b.example>\r\n",                   553),
];

/// The sections of the table.
pub fn sections() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|(section, ..)| *section)
}

fn last_code(before: &str, line: &[u8]) -> u16 {
    let transcript = parse("hop: SIZE 10000, PIPELINING, 8BITMIME, DSN");
    let client = [before.as_bytes(), line].concat();
    let heard = pure(&transcript, &[Exchange { client, ..Exchange::default() }], usize::MAX);
    let last = heard.server.iter().rfind(|line| *line != "<closed>").unwrap();
    last[..3].parse().unwrap()
}

#[test]
fn every_section_is_obeyed() {
    for (section, before, line, code) in TABLE {
        assert_eq!(last_code(before, line.as_bytes()), *code, "{section}: {line:?} after {before:?}");
    }
}

#[test]
fn lines_are_bounded() {
    // §4.5.3.1.4: at least 512 octets; §4.5.3.1.9: 500.
    assert_eq!(last_code(HELLO, format!("NOOP {}\r\n", "x".repeat(600)).as_bytes()), 250);
    assert_eq!(last_code(HELLO, format!("NOOP {}\r\n", "x".repeat(5000)).as_bytes()), 500);
    assert_eq!(last_code(HELLO, format!("NOOP {}\r\nNOOP\r\n", "x".repeat(5000)).as_bytes()), 250);
    assert_eq!(last_code(HELLO, &[b'x'; 100_000]), 500);
}

#[test]
fn fifty_received_lines_are_no_loop_and_one_more_is() {
    for (count, code) in [(50, 250), (51, 554)] {
        let header = "Received: from x\r\n\tby y\r\n".repeat(count);
        let mail = format!("DATA\r\n{header}Subject: x\r\n\r\nReceived: in the body\r\n.\r\n");
        assert_eq!(last_code(RCPT, mail.as_bytes()), code, "{count} lines");
    }
}
