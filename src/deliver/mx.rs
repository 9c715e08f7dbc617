// SPDX-License-Identifier: EUPL-1.2
//! Looks up the MX hosts of recipients' domains, as evidence for rules. Delivery does not use it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RData;
use hickory_resolver::{Resolver, TokioResolver};

use crate::mail::Domain;

/// How long a mail may wait for the evidence.
pub const TIMEOUT: Duration = Duration::from_secs(1);
/// Domains remembered; beyond it all are forgotten.
const MOST: usize = 10_000;
/// An answer serves at least this long, and at most a day, whatever its records say.
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(86_400);
/// Domains without MX, or that do not exist.
const NEGATIVE: Duration = Duration::from_secs(900);
/// After a failure the server is left in peace, so that the next mail does not wait again.
const FAILED: Duration = Duration::from_secs(30);
/// MX hosts of one domain that are looked at.
const MOST_HOSTS: usize = 16;

/// Why no resolver could be made.
#[derive(Debug, thiserror::Error)]
#[error("the DNS resolver cannot be set up: {0}")]
pub struct MxError(#[from] NetError);

/// Hosts (empty: none), or `None` for a failure; and until when that serves.
type Known = (Option<Arc<[String]>>, Instant);

/// MX look-ups with a memory. Static answers come first; with static answers and no server the network is never asked.
#[derive(Debug)]
pub struct MxResolver {
    fixed: HashMap<String, Arc<[String]>>,
    resolver: Option<TokioResolver>,
    timeout: Duration,
    known: RwLock<HashMap<Domain, Known>>,
}

impl MxResolver {
    /// `server` is a resolver of one's own (default: the system's); `static_hosts` maps domains to MX hosts.
    pub fn new(server: Option<SocketAddr>, static_hosts: HashMap<String, Vec<String>>) -> Result<MxResolver, MxError> {
        MxResolver::with_timeout(server, static_hosts, TIMEOUT)
    }

    /// The same with another bound on waiting.
    pub fn with_timeout(
        server: Option<SocketAddr>,
        static_hosts: HashMap<String, Vec<String>>,
        timeout: Duration,
    ) -> Result<MxResolver, MxError> {
        let resolver = match server {
            Some(address) => Some(resolver(Resolver::builder_with_config(config(address), provider()), timeout)?),
            None if static_hosts.is_empty() => Some(resolver(Resolver::builder_tokio()?, timeout)?),
            None => None,
        };
        let fixed = static_hosts
            .into_iter()
            .filter_map(|(domain, hosts)| {
                let hosts: Vec<String> = hosts.iter().map(|host| host_name(host)).collect();
                Some((Domain::parse(&domain).ok()?.as_str().to_owned(), hosts.into()))
            })
            .collect();
        Ok(MxResolver { fixed, resolver, timeout, known: RwLock::default() })
    }

    /// A resolver that knows nothing and asks nobody.
    pub fn offline() -> MxResolver {
        MxResolver { fixed: HashMap::new(), resolver: None, timeout: TIMEOUT, known: RwLock::default() }
    }

    /// The domain's MX hosts, in lower case, the most preferred first; empty where it has none. `None` if nobody
    /// could say in time: missing evidence delays no mail and decides nothing.
    pub async fn hosts(&self, domain: &Domain) -> Option<Arc<[String]>> {
        if let Some(hosts) = self.fixed.get(domain.as_str()) {
            return Some(hosts.clone());
        }
        if domain.is_literal() {
            return None; // RFC 5321 §4.1.3: an address literal has no MX
        }
        let resolver = self.resolver.as_ref()?;
        let now = Instant::now();
        if let Some((hosts, until)) = self.read().get(domain)
            && now < *until
        {
            return hosts.clone();
        }
        let (hosts, serves) = self.ask(resolver, domain).await;
        let mut known = self.known.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(domain.clone(), (hosts.clone(), Instant::now() + serves));
        hosts
    }

    /// How many domains are remembered.
    pub fn remembered(&self) -> usize {
        self.read().len()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, HashMap<Domain, Known>> {
        // A poisoned lock only means that a thread died between two whole entries.
        self.known.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    async fn ask(&self, resolver: &TokioResolver, domain: &Domain) -> (Option<Arc<[String]>>, Duration) {
        // With the final dot, or the system's search domains would be tried as well.
        let name = format!("{domain}.");
        match tokio::time::timeout(self.timeout, resolver.mx_lookup(name)).await {
            Ok(Ok(lookup)) => {
                let mut hosts: Vec<(u16, String)> = lookup
                    .answers()
                    .iter()
                    .filter_map(|record| match &record.data {
                        RData::MX(mx) => Some((mx.preference, host_name(&mx.exchange.to_ascii()))),
                        _ => None,
                    })
                    // RFC 7505: the null MX, a lone dot, says that the domain takes no mail.
                    .filter(|(_, host)| !host.is_empty())
                    .collect();
                hosts.sort();
                hosts.truncate(MOST_HOSTS);
                let serves = lookup.valid_until().saturating_duration_since(Instant::now());
                let hosts: Vec<String> = hosts.into_iter().map(|(_, host)| host).collect();
                (Some(hosts.into()), serves.clamp(SHORTEST, LONGEST))
            }
            Ok(Err(error)) if error.is_no_records_found() => (Some(Arc::from([])), NEGATIVE),
            Ok(Err(_)) | Err(_) => (None, FAILED),
        }
    }
}

fn provider() -> TokioRuntimeProvider {
    TokioRuntimeProvider::default()
}

fn config(address: SocketAddr) -> ResolverConfig {
    let (mut udp, mut tcp) = (ConnectionConfig::udp(), ConnectionConfig::tcp());
    udp.port = address.port();
    tcp.port = address.port();
    let mut server = NameServerConfig::udp(address.ip());
    server.connections = vec![udp, tcp];
    ResolverConfig::from_parts(None, vec![], vec![server])
}

fn resolver(
    mut builder: hickory_resolver::ResolverBuilder<TokioRuntimeProvider>,
    timeout: Duration,
) -> Result<TokioResolver, NetError> {
    let options = builder.options_mut();
    options.timeout = timeout;
    options.attempts = 1;
    options.cache_size = 0; // we remember ourselves: failures too, and answers without an SOA
    builder.build()
}

/// Host names as lists write them: lower case, without the final dot.
fn host_name(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use hickory_resolver::proto::op::{Message, ResponseCode};
    use hickory_resolver::proto::rr::rdata::MX;
    use hickory_resolver::proto::rr::{Name, Record};
    use tokio::net::UdpSocket;

    use super::*;

    /// A small DNS server: answers by the first label, counts questions.
    async fn server() -> (SocketAddr, Arc<AtomicUsize>) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = asked.clone();
        tokio::spawn(async move {
            let mut buffer = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                counter.fetch_add(1, Ordering::SeqCst);
                let question = Message::from_vec(&buffer[..length]).unwrap();
                if let Some(answer) = answer(&question) {
                    socket.send_to(&answer.to_vec().unwrap(), from).await.unwrap();
                }
            }
        });
        (address, asked)
    }

    fn answer(question: &Message) -> Option<Message> {
        let query = question.queries[0].clone();
        let name = query.name().clone();
        let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
        answer.queries.push(query);
        let mut mx = |preference, host: &str| {
            let exchange = Name::from_ascii(host).unwrap();
            answer.answers.push(Record::from_rdata(name.clone(), 300, RData::MX(MX::new(preference, exchange))));
        };
        match name.to_ascii().to_ascii_lowercase().split('.').next().unwrap() {
            "found" | "xn--prfecture-c4a" => {
                mx(20, "B.Host.example.");
                mx(10, "a.host.example.");
            }
            "null" => mx(0, "."),
            "nodata" => {}
            "nx" => answer.metadata.response_code = ResponseCode::NXDomain,
            "broken" => answer.metadata.response_code = ResponseCode::ServFail,
            _ => return None,
        }
        Some(answer)
    }

    fn domain(text: &str) -> Domain {
        Domain::parse(text).unwrap()
    }

    #[tokio::test]
    async fn answers_are_read_and_remembered_with_their_absence() {
        let (address, asked) = server().await;
        let mx = MxResolver::new(Some(address), HashMap::new()).unwrap();
        for round in 0..2 {
            let before = asked.load(Ordering::SeqCst);
            let hosts = |name: &'static str| {
                let mx = &mx;
                async move { mx.hosts(&domain(name)).await.map(|hosts| hosts.to_vec()) }
            };
            let both = vec!["a.host.example".to_owned(), "b.host.example".to_owned()];
            assert_eq!(hosts("found.example").await, Some(both.clone()));
            assert_eq!(hosts("préfecture.example").await, Some(both));
            for none in ["null.example", "nodata.example", "nx.example"] {
                assert_eq!(hosts(none).await, Some(vec![]), "{none}");
            }
            assert_eq!(hosts("broken.example").await, None);
            let questions = asked.load(Ordering::SeqCst) - before;
            assert_eq!(questions == 0, round == 1, "{questions} questions in round {round}");
        }
        assert_eq!(mx.remembered(), 6);
    }

    #[tokio::test]
    async fn a_silent_server_is_waited_for_once_and_briefly() {
        let (address, asked) = server().await;
        let mx = MxResolver::with_timeout(Some(address), HashMap::new(), Duration::from_millis(20)).unwrap();
        assert_eq!(mx.hosts(&domain("silent.example")).await, None);
        let questions = asked.load(Ordering::SeqCst);
        assert_eq!(mx.hosts(&domain("silent.example")).await, None);
        assert_eq!(asked.load(Ordering::SeqCst), questions, "not asked again");
    }

    #[tokio::test]
    async fn static_answers_come_first_and_alone_keep_off_the_network() {
        let fixed = HashMap::from([("Firm.example".to_owned(), vec!["MX.Google.com.".to_owned()])]);
        let alone = MxResolver::new(None, fixed.clone()).unwrap();
        assert_eq!(alone.hosts(&domain("firm.example")).await.unwrap().to_vec(), ["mx.google.com"]);
        assert_eq!(alone.hosts(&domain("found.example")).await, None);
        let (address, asked) = server().await;
        let both = MxResolver::new(Some(address), fixed).unwrap();
        assert!(both.hosts(&domain("firm.example")).await.is_some());
        assert_eq!(asked.load(Ordering::SeqCst), 0);
        assert_eq!(both.hosts(&domain("found.example")).await.unwrap().len(), 2);
        assert_eq!(both.hosts(&domain("[192.0.2.1]")).await, None);
        assert_eq!(MxResolver::offline().hosts(&domain("found.example")).await, None);
    }
}
