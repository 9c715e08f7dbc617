// SPDX-License-Identifier: EUPL-1.2
//! One conversation with the next hop of the outbox. What it has said of a recipient counts, whatever breaks afterwards.

use std::time::Duration;

use mail_send::SmtpClient;
use smtp_proto::{EXT_START_TLS, EhloResponse, Response};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UnixStream};

use super::in_step::{InStep, OutOfStep, is_out_of_step};
use super::plan::{Plan, Transaction, plan};
use super::{HopAddress, ReleaseRoute, RouteTls};
use crate::deliver::deadline::Deadline;
use crate::deliver::faults::{HopFault, HopFaults};
use crate::deliver::stream::Stream;
use crate::smtp::client::stuffed;
use crate::store::RecipientOutcome;

/// RFC 5321 §4.5.3.2 allows minutes; the final dot's ten would keep one of the couriers too long.
const PATIENCE: Duration = Duration::from_secs(120);
/// For the answer to QUIT, which changes nothing.
const PARTING: Duration = Duration::from_secs(5);

type Client = SmtpClient<InStep>;

/// How a conversation ended.
pub(super) struct Transfer {
    /// One for each recipient.
    pub outcomes: Vec<RecipientOutcome>,
    pub goodbye: Option<Goodbye>,
}

/// A conversation that is over but for QUIT.
pub(super) struct Goodbye(Client);

impl Goodbye {
    pub async fn say(mut self) {
        self.0.timeout = PARTING;
        let _ = self.0.cmd(b"QUIT\r\n").await;
    }
}

impl Transfer {
    /// There was none, and everybody is put off.
    pub fn none(recipients: &[(i64, String)], reply: &str) -> Transfer {
        let outcomes = recipients.iter().map(|(n, _)| outcome(*n, Attempt::PutOff, reply.to_owned())).collect();
        Transfer { outcomes, goodbye: None }
    }
}

/// Opens the route and makes one transaction. What breaks on the way puts off every recipient of whom nothing was said.
pub(super) async fn transfer(
    route: &ReleaseRoute,
    faults: &HopFaults,
    transaction: &Transaction<'_>,
    deadline: Deadline,
) -> Transfer {
    let mut outcomes = Vec::with_capacity(transaction.recipients.len());
    let mut goodbye = None;
    let reply = match deadline.wait(converse(route, transaction, &mut outcomes)).await {
        Ok(Ok(client)) => {
            goodbye = Some(Goodbye(client));
            "451 4.4.2 the next server said nothing of this recipient".to_owned()
        }
        Ok(Err(mail_send::Error::UnexpectedReply(reply))) => {
            everybody(transaction, &mut outcomes, attempt(&reply), &text(&reply));
            String::new()
        }
        // The client's one word for a connection that ends and for nonsense.
        Ok(Err(error @ mail_send::Error::UnparseableReply)) => {
            faults.note(HopFault::Lost, &error);
            "451 4.4.2 the next server closed the connection, or said something that is no reply".to_owned()
        }
        Ok(Err(error)) => {
            faults.note(fault(&error), &error);
            format!("451 4.4.1 {error}")
        }
        Err(late) => {
            faults.note(HopFault::TimedOut, &late);
            "451 4.4.2 the next server took too long".to_owned()
        }
    };
    // What the next hop said against a recipient is a fault of its own.
    for outcome in &outcomes {
        match outcome {
            RecipientOutcome::Sent { .. } => {}
            RecipientOutcome::PutOff { .. } => faults.count(HopFault::Deferred),
            RecipientOutcome::Failed { .. } => faults.count(HopFault::Refused),
        }
    }
    everybody(transaction, &mut outcomes, Attempt::PutOff, &reply);
    Transfer { outcomes, goodbye }
}

/// Up to the last word about a recipient; gives the connection back where it can say goodbye.
async fn converse(
    route: &ReleaseRoute,
    transaction: &Transaction<'_>,
    outcomes: &mut Vec<RecipientOutcome>,
) -> mail_send::Result<Client> {
    let (mut client, offer, is_verified) = open(route).await?;
    match plan(transaction, &offer, is_verified) {
        Ok(plan) => say(&mut client, transaction, plan, route.lmtp, outcomes).await?,
        Err(refusal) => {
            // Decision D5: lost capabilities get a fresh look first.
            let attempt = if transaction.is_repeated { Attempt::Failed } else { Attempt::PutOff };
            everybody(transaction, outcomes, attempt, refusal);
        }
    }
    Ok(client)
}

/// Connects, greets, and begins TLS as the route has it; gives whether the certificate was verified.
async fn open(route: &ReleaseRoute) -> mail_send::Result<(Client, EhloResponse<String>, bool)> {
    let stream = match &route.to {
        HopAddress::Tcp(to) => {
            let stream = TcpStream::connect(to).await?;
            stream.set_nodelay(true)?;
            Stream::Plain(stream)
        }
        HopAddress::Unix(path) => Stream::Unix(UnixStream::connect(path).await?),
    };
    let mut client = SmtpClient { stream: InStep::new(stream), timeout: PATIENCE };
    let greeting = tokio::time::timeout(PATIENCE, client.read()).await.map_err(|_| mail_send::Error::Timeout)??;
    if !greeting.is_positive_completion() {
        return Err(mail_send::Error::UnexpectedReply(greeting));
    }
    let offer = hello(route, &mut client).await?;
    let (connector, is_required) = match (&route.to, &route.tls) {
        (HopAddress::Unix(_), _) | (_, RouteTls::Off) => return Ok((client, offer, false)),
        (_, RouteTls::Opportunistic(connector)) => (connector, false),
        (_, RouteTls::Required(connector) | RouteTls::Verified(connector)) => (connector, true),
    };
    if !offer.has_capability(EXT_START_TLS) {
        return if is_required { Err(mail_send::Error::MissingStartTls) } else { Ok((client, offer, false)) };
    }
    let reply = client.cmd(b"STARTTLS\r\n").await?;
    if !reply.is_positive_completion() {
        return Err(mail_send::Error::UnexpectedReply(reply));
    }
    // What came behind the reply in clear was injected (RFC 3207 §6).
    let Stream::Plain(stream) = client.stream.into_stream()? else { return Err(mail_send::Error::MissingStartTls) };
    let secured = SmtpClient { stream, timeout: PATIENCE }.into_tls(connector, tls_name(route)).await?;
    let stream = InStep::new(Stream::Tls(Box::new(secured.stream.into())));
    let mut client = SmtpClient { stream, timeout: PATIENCE };
    let offer = hello(route, &mut client).await?;
    Ok((client, offer, matches!(route.tls, RouteTls::Verified(_))))
}

fn tls_name(route: &ReleaseRoute) -> &str {
    let host = match &route.to {
        HopAddress::Tcp(to) => to.rsplit_once(':').map_or(to.as_str(), |(host, _)| host).trim_matches(['[', ']']),
        HopAddress::Unix(_) => "localhost",
    };
    route.tls_name.as_deref().unwrap_or(host)
}

async fn hello(route: &ReleaseRoute, client: &mut Client) -> mail_send::Result<EhloResponse<String>> {
    if route.lmtp { client.lhlo(&route.host).await } else { client.ehlo(&route.host).await }
}

async fn say(
    client: &mut Client,
    transaction: &Transaction<'_>,
    plan: Plan,
    is_lmtp: bool,
    outcomes: &mut Vec<RecipientOutcome>,
) -> mail_send::Result<()> {
    let reply = client.cmd(&plan.mail).await?;
    if !reply.is_positive_completion() {
        everybody(transaction, outcomes, attempt(&reply), &text(&reply));
        return Ok(());
    }
    let mut accepted = Vec::new();
    for (n, command) in &plan.recipients {
        let reply = client.cmd(command).await?;
        if reply.is_positive_completion() {
            accepted.push(*n);
        } else {
            outcomes.push(outcome(*n, attempt(&reply), text(&reply)));
        }
    }
    if accepted.is_empty() {
        return Ok(());
    }
    if let Err(refused) = send(client, transaction.content, plan.chunked).await? {
        // Whatever it says, it has not got the content.
        let attempt = negative(attempt(&refused));
        outcomes.extend(accepted.into_iter().map(|n| outcome(n, attempt, text(&refused))));
        return Ok(());
    }
    // Without a 354 nothing shows that a word is about the content, until RSET is answered as RSET is.
    let mut unproven = Vec::new();
    let heard = if plan.chunked { &mut unproven } else { &mut *outcomes };
    let answers = tokio::time::timeout(PATIENCE, async {
        // LMTP answers for each recipient (RFC 2033 §4.2), SMTP once for all.
        for of in accepted.chunks(if is_lmtp { 1 } else { accepted.len() }) {
            let reply = client.read().await?;
            heard.extend(of.iter().map(|n| outcome(*n, attempt(&reply), text(&reply))));
        }
        Ok::<(), mail_send::Error>(())
    });
    answers.await.map_err(|_| mail_send::Error::Timeout)??;
    if plan.chunked {
        reset_behind_chunk(client).await?;
        outcomes.append(&mut unproven);
    }
    Ok(())
}

/// Sends the content; the inner `Err` is a refusal to take all of it.
async fn send(
    client: &mut Client,
    content: &[u8],
    is_chunked: bool,
) -> mail_send::Result<Result<(), Response<String>>> {
    let (body, end) = if is_chunked { (content.into(), &b""[..]) } else { stuffed(content) };
    let head = if is_chunked { format!("BDAT {} LAST\r\n", content.len()) } else { String::new() };
    if !is_chunked {
        let reply = client.cmd(b"DATA\r\n").await?;
        if reply.code != 354 {
            return Ok(Err(reply));
        }
    }
    let written = tokio::time::timeout(PATIENCE, async {
        client.stream.write_all(head.as_bytes()).await?;
        client.stream.write_all(&body).await?;
        client.stream.write_all(end).await?;
        client.stream.flush().await
    });
    let Err(broken) = written.await.map_err(|_| mail_send::Error::Timeout)? else { return Ok(Ok(())) };
    // It may refuse early, and close: that tells more than our broken write. Another word here is about something else.
    match tokio::time::timeout(PATIENCE, client.read()).await {
        Ok(Ok(reply)) if reply.code >= 400 => Ok(Err(reply)),
        _ => Err(broken.into()),
    }
}

/// No 354 has shown that the replies are ours, one for each command: a next hop that has said a word too much before
/// answers here with what it made of the content.
async fn reset_behind_chunk(client: &mut Client) -> mail_send::Result<()> {
    match client.cmd(b"RSET\r\n").await {
        Ok(reply) if reply.code == 250 || reply.code == 421 => Ok(()),
        // It has answered for the message, and leaves.
        Err(mail_send::Error::UnparseableReply) => Ok(()),
        Err(mail_send::Error::Io(error)) if !is_out_of_step(&error) => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(std::io::Error::new(std::io::ErrorKind::InvalidData, OutOfStep).into()),
    }
}

/// What broke a transaction.
fn fault(error: &mail_send::Error) -> HopFault {
    match error {
        mail_send::Error::Timeout => HopFault::TimedOut,
        mail_send::Error::Tls(_) | mail_send::Error::InvalidTLSName | mail_send::Error::MissingStartTls => {
            HopFault::Tls
        }
        mail_send::Error::Io(error) if !is_out_of_step(error) => HopFault::Connect,
        _ => HopFault::Lost,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    Sent,
    PutOff,
    Failed,
}

/// RFC 5321 §4.2.1: 2xx done, 5xx never; everything else, also what makes no sense here, is tried again.
fn attempt(reply: &Response<String>) -> Attempt {
    match reply.code {
        200..300 => Attempt::Sent,
        500..600 => Attempt::Failed,
        _ => Attempt::PutOff,
    }
}

/// A positive reply at the wrong moment is not a delivery.
fn negative(attempt: Attempt) -> Attempt {
    if attempt == Attempt::Sent { Attempt::PutOff } else { attempt }
}

fn outcome(n: i64, attempt: Attempt, reply: String) -> RecipientOutcome {
    match attempt {
        Attempt::Sent => RecipientOutcome::Sent { n, reply },
        Attempt::PutOff => RecipientOutcome::PutOff { n, reply },
        Attempt::Failed => RecipientOutcome::Failed { n, reply },
    }
}

fn place(outcome: &RecipientOutcome) -> i64 {
    match outcome {
        RecipientOutcome::Sent { n, .. } | RecipientOutcome::PutOff { n, .. } | RecipientOutcome::Failed { n, .. } => {
            *n
        }
    }
}

/// The same result for every recipient of whom nothing is known.
fn everybody(transaction: &Transaction<'_>, outcomes: &mut Vec<RecipientOutcome>, attempt: Attempt, reply: &str) {
    for (n, _) in transaction.recipients {
        if !outcomes.iter().any(|known| place(known) == *n) {
            outcomes.push(outcome(*n, negative(attempt), reply.to_owned()));
        }
    }
}

/// The reply as one line, at most 500 characters of it.
fn text(reply: &Response<String>) -> String {
    let [class, subject, detail] = reply.esc;
    let message: String = reply.message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect();
    if class == 0 {
        format!("{} {message}", reply.code)
    } else {
        format!("{} {class}.{subject}.{detail} {message}", reply.code)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
    use tokio::net::TcpListener;
    use tokio::time::sleep;

    use super::*;

    const CONTENT: &[u8] = b"Subject: x\r\n\r\ntext\r\n";
    /// Only BDAT can carry it.
    const BARE: &[u8] = b"Subject: x\r\n\r\nte\nxt";

    /// What the hop says to a line that begins so, after how long; `.` is the content. A friendly word to all else.
    type Answers = &'static [(&'static str, u64, &'static str)];

    async fn hop(answers: Answers) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let mut stream = BufReader::new(listener.accept().await.unwrap().0);
            let mut line = "greeting".to_owned();
            loop {
                let usual = match line.split([' ', '\r']).next().unwrap() {
                    "greeting" => "220 hop",
                    "EHLO" | "LHLO" => "250-hop\r\n250-8BITMIME\r\n250 CHUNKING",
                    "DATA" => "354 go",
                    _ => "250 2.0.0 ok",
                };
                let own = answers.iter().find(|(begin, ..)| line.starts_with(begin));
                let (_, wait, said) = own.copied().unwrap_or(("", 0, usual));
                sleep(Duration::from_secs(wait)).await;
                if !said.is_empty() && stream.write_all(format!("{said}\r\n").as_bytes()).await.is_err() {
                    return;
                }
                if line.starts_with("DATA") && said.starts_with("354") {
                    let mut content = Vec::new();
                    while !content.ends_with(b"\r\n.\r\n") {
                        if stream.read_until(b'\n', &mut content).await.unwrap() == 0 {
                            return;
                        }
                    }
                    line = ".".into();
                    continue;
                }
                line.clear();
                if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                    return;
                }
                if let Some(size) = line.strip_prefix("BDAT ").and_then(|rest| rest.split(' ').next()) {
                    stream.read_exact(&mut vec![0; size.parse().unwrap()]).await.unwrap();
                    line = ".".into();
                }
            }
        });
        address
    }

    async fn transfer_to(answers: Answers, lmtp: bool, content: &[u8], faults: &HopFaults) -> Transfer {
        let to = HopAddress::Tcp(hop(answers).await);
        let route = ReleaseRoute { to, tls: RouteTls::Off, tls_name: None, lmtp, host: "gate.example".into() };
        let recipients = [(1, "<a@x.example>".to_owned()), (2, "<b@x.example>".to_owned())];
        let transaction =
            Transaction { reverse_path: "<c@y.example>", recipients: &recipients, content, is_repeated: false };
        transfer(&route, faults, &transaction, Deadline::after(Duration::from_secs(300))).await
    }

    /// What became of the two recipients: s, p or f.
    fn became(transfer: &Transfer) -> String {
        let mut outcomes: Vec<_> = transfer.outcomes.iter().collect();
        outcomes.sort_by_key(|outcome| place(outcome));
        let letter = |outcome: &&RecipientOutcome| match outcome {
            RecipientOutcome::Sent { .. } => 's',
            RecipientOutcome::PutOff { .. } => 'p',
            RecipientOutcome::Failed { .. } => 'f',
        };
        outcomes.iter().map(letter).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_said_counts_whatever_breaks_afterwards() {
        let rows: &[(Answers, bool, &[u8], &str)] = &[
            // The time for the item is up while QUIT would be answered.
            (&[("MAIL", 110, "250 ok"), ("RCPT", 90, "250 ok"), ("QUIT", 9999, "")], false, CONTENT, "ss"),
            (&[("QUIT", 9999, "")], false, CONTENT, "ss"),
            (&[("QUIT", 9999, "")], false, BARE, "ss"),
            // One recipient is answered for, and then nothing comes.
            (&[(".", 0, "250 2.0.0 the first has it")], true, CONTENT, "sp"),
            (&[(".", 0, "250 2.0.0 has it\r\nrubbish")], true, CONTENT, "sp"),
            (&[("RCPT TO:<a@", 0, "550 5.1.1 nobody"), ("RCPT TO:<b@", 9999, "")], false, CONTENT, "fp"),
            (&[("RCPT TO:<a@", 0, "550 5.1.1 nobody"), (".", 9999, "")], false, CONTENT, "fp"),
            (&[(".", 9999, "")], false, CONTENT, "pp"),
        ];
        for (answers, lmtp, content, wanted) in rows {
            let transfer = transfer_to(answers, *lmtp, content, &HopFaults::default()).await;
            assert_eq!(became(&transfer), *wanted, "{answers:?}: {:?}", transfer.outcomes);
            if let Some(goodbye) = transfer.goodbye {
                goodbye.say().await;
            }
        }
    }

    /// A next hop that says one word more than it was asked for, and refuses the content: never a delivery.
    #[tokio::test(start_paused = true)]
    async fn a_word_too_much_is_no_delivery() {
        let rows: &[Answers] = &[
            &[("greeting", 0, "220 hop\r\n250 ok"), (".", 0, "550 5.7.1 spam")],
            &[("EHLO", 0, "250-hop\r\n250 CHUNKING\r\n250 ok"), (".", 0, "550 5.7.1 spam")],
            &[("MAIL", 0, "250 ok\r\n250 ok"), (".", 0, "550 5.7.1 spam")],
            &[("RCPT TO:<a@", 0, "250 late\r\n250 ok"), (".", 0, "550 5.7.1 spam")],
            &[("RCPT TO:<b@", 0, "250 ok\r\n250 ok"), (".", 0, "550 5.7.1 spam")],
            &[("DATA", 0, "354 go\r\n250 2.0.0 ok"), (".", 0, "550 5.7.1 spam")],
            &[("DATA", 0, "250 ok\r\n354 go"), (".", 0, "550 5.7.1 spam")],
            // Late ones.
            &[(".", 0, "250 late\r\n550 5.7.1 spam"), ("RSET", 0, "250 reset")],
            &[(".", 0, "250 late"), ("RSET", 0, "550 5.7.1 spam\r\n250 reset")],
            &[(".", 0, "250 late"), ("RSET", 9999, "")],
        ];
        for (at, answers) in rows.iter().enumerate() {
            for content in [CONTENT, BARE] {
                // With DATA the 354 has shown that the first word behind the dot is about it.
                if at >= 7 && content == CONTENT {
                    continue;
                }
                let faults = HopFaults::default();
                let transfer = transfer_to(answers, false, content, &faults).await;
                assert!(!became(&transfer).contains('s'), "{answers:?}: {:?}", transfer.outcomes);
                assert_ne!(HopFault::ALL.map(|fault| faults.get(fault)), [0; 6], "{answers:?}");
            }
        }
    }
}
