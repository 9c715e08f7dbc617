// SPDX-License-Identifier: EUPL-1.2
//! Reads texts that name a place: addresses to listen on, next hops, networks, domains, mailboxes, paths, pages.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;

use super::Setting;
use crate::deliver::settings::Hop;
use crate::listen::settings::MilterAddress;
use crate::mail::{Domain, Mailbox};

/// An address to listen on: a number and a port, no name.
impl Setting for SocketAddr {
    fn read(text: &str) -> Result<SocketAddr, String> {
        let text = text.trim();
        if let Ok(address) = text.parse::<SocketAddr>() {
            return if address.port() == 0 { Err(format!("\"{text}\" has no port")) } else { Ok(address) };
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Err(match address {
                IpAddr::V4(_) => format!("\"{text}\" has no port; write \"{text}:10025\""),
                IpAddr::V6(_) => format!("\"{text}\" has no port; write \"[{text}]:10025\""),
            });
        }
        match text.rsplit_once(':') {
            Some(("localhost", port)) => Err(format!("\"{text}\" is a name; write \"127.0.0.1:{port}\"")),
            Some(("" | "*", port)) => {
                Err(format!("\"{text}\" has no address; write \"0.0.0.0:{port}\" or \"[::]:{port}\" for all addresses"))
            }
            _ => Err(format!("\"{text}\" is not an address with a port; write \"127.0.0.1:10025\" or \"[::1]:10025\"")),
        }
    }
}

/// `inet:address:port` or `unix:path`.
impl Setting for MilterAddress {
    fn read(text: &str) -> Result<MilterAddress, String> {
        let text = text.trim();
        match text.split_once(':') {
            Some(("inet" | "inet6", place)) => match place.split_once('@') {
                // Sendmail writes it so.
                Some((port, host)) => Err(format!("\"{text}\": write the address first: \"inet:{host}:{port}\"")),
                None => SocketAddr::read(place).map(MilterAddress::Inet),
            },
            Some(("unix" | "local", path)) if !path.is_empty() => Ok(MilterAddress::Unix(PathBuf::from(path))),
            _ => Err(format!(
                "\"{text}\" is not a milter address; write \"inet:127.0.0.1:10027\" or \"unix:/run/octroi/milter.sock\""
            )),
        }
    }
}

/// `host:port`, `lmtp:host:port` or `lmtp:/path`.
impl Setting for Hop {
    fn read(text: &str) -> Result<Hop, String> {
        let text = text.trim();
        if let Some(place) = text.strip_prefix("lmtp:") {
            if place.starts_with('/') {
                return Ok(Hop::LmtpUnix(PathBuf::from(place)));
            }
            let (host, port) = host_and_port(place)?;
            return Ok(Hop::LmtpTcp { host, port });
        }
        let (host, port) = host_and_port(text.strip_prefix("smtp:").unwrap_or(text))?;
        Ok(Hop::Smtp { host, port })
    }
}

fn host_and_port(text: &str) -> Result<(String, u16), String> {
    let wrong =
        || format!("\"{text}\" is not a host with a port; write \"relay.example.org:25\" or \"lmtp:/path/to/socket\"");
    if let Ok(address) = text.parse::<SocketAddr>()
        && address.port() != 0
    {
        return Ok((address.ip().to_string(), address.port()));
    }
    if text.parse::<IpAddr>().is_ok() || !text.contains(':') {
        let host = if text.contains(':') { format!("[{text}]") } else { text.to_owned() };
        return Err(format!("\"{text}\" has no port; write \"{host}:25\""));
    }
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port = port.parse::<u16>().ok().filter(|port| *port != 0).ok_or_else(wrong)?;
    let host = Domain::parse(host).ok().filter(|host| !host.is_literal()).ok_or_else(wrong)?;
    Ok((host.as_str().to_owned(), port))
}

/// A network, or one address.
impl Setting for IpNet {
    fn read(text: &str) -> Result<IpNet, String> {
        let text = text.trim();
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(IpNet::from(address));
        }
        let network: IpNet = text
            .parse()
            .map_err(|_| format!("\"{text}\" is not a network; write \"10.20.0.0/16\" or \"10.20.0.5\""))?;
        if network.addr() != network.network() {
            return Err(format!("\"{text}\" has bits set after its prefix; write \"{}\"", network.trunc()));
        }
        Ok(network)
    }
}

impl Setting for Domain {
    fn read(text: &str) -> Result<Domain, String> {
        let text = text.trim();
        Domain::parse(text).map_err(|_| format!("\"{text}\" is not a domain; write \"agency.example.org\""))
    }
}

impl Setting for Mailbox {
    fn read(text: &str) -> Result<Mailbox, String> {
        let text = text.trim();
        Mailbox::parse(text).map_err(|error| format!("\"{text}\": {error}; write \"postmaster@example.org\""))
    }
}

/// A page people can open.
pub struct WebAddress(pub String);

impl Setting for WebAddress {
    fn read(text: &str) -> Result<WebAddress, String> {
        let text = text.trim();
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let sound = host.is_some_and(|host| !host.is_empty() && !host.starts_with('/'))
            && text.chars().all(|c| !c.is_whitespace() && !c.is_control() && !"<>\"".contains(c));
        if sound {
            Ok(WebAddress(text.to_owned()))
        } else {
            Err(format!("\"{text}\" is not a web address; write \"https://intranet.example.org/charte\""))
        }
    }
}

impl Setting for PathBuf {
    fn read(text: &str) -> Result<PathBuf, String> {
        if text.trim().is_empty() { Err("is empty; write the path of a file".into()) } else { Ok(text.into()) }
    }
}

/// A path behind `file:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileUrl(pub PathBuf);

impl Setting for FileUrl {
    fn read(text: &str) -> Result<FileUrl, String> {
        path_behind("file:", text, "\"file:\" and a path").map(FileUrl)
    }
}

/// A path behind `sqlite:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteUrl(pub PathBuf);

impl Setting for SqliteUrl {
    fn read(text: &str) -> Result<SqliteUrl, String> {
        path_behind("sqlite:", text, "\"sqlite:\" and a path").map(SqliteUrl)
    }
}

fn path_behind(scheme: &str, text: &str, expected: &str) -> Result<PathBuf, String> {
    let text = text.trim();
    let Some(path) = text.strip_prefix(scheme) else {
        return Err(match text.split_once(':') {
            Some((other, _)) if !other.contains('/') => {
                format!("this version does not support \"{other}:\"; write {expected}")
            }
            _ => format!("\"{text}\" does not begin with \"{scheme}\"; write \"{scheme}{text}\""),
        });
    };
    // `file:///var/lib/x` and `file:/var/lib/x` are the same (RFC 8089 §2).
    let path = path.strip_prefix("//").filter(|path| path.starts_with('/')).unwrap_or(path);
    if path.is_empty() || path.starts_with("//") || path == ":memory:" {
        return Err(format!("\"{text}\" contains no path; write {expected}"));
    }
    Ok(PathBuf::from(path))
}

/// Where a page is served, or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page(pub Option<SocketAddr>);

impl Setting for Page {
    fn read(text: &str) -> Result<Page, String> {
        if text.trim() == "off" {
            return Ok(Page(None));
        }
        SocketAddr::read(text).map(|address| Page(Some(address)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_to_listen_on_are_numbers() {
        assert!(SocketAddr::read("[::1]:25").is_ok());
        for (wrong, says) in [
            ("127.0.0.1", "write \"127.0.0.1:10025\""),
            ("::1", "write \"[::1]:10025\""),
            ("localhost:25", "write \"127.0.0.1:25\""),
            (":25", "write \"0.0.0.0:25\""),
            ("127.0.0.1:0", "has no port"),
            ("127.0.0.1:99999", "is not an address with a port"),
        ] {
            assert!(SocketAddr::read(wrong).unwrap_err().contains(says), "{wrong}");
        }
    }

    #[test]
    fn next_hops_are_smtp_or_lmtp() {
        for text in ["relay.example.org:25", "127.0.0.1:10026", "[::1]:25", "lmtp:/run/lmtp", "lmtp:[::1]:24"] {
            assert_eq!(Hop::read(text).unwrap().to_string(), text);
        }
        assert_eq!(Hop::read("smtp:a.example:25"), Ok(Hop::Smtp { host: "a.example".into(), port: 25 }));
        for wrong in ["relay.example.org", "::1", "a b:25", "a:0", "a:x", "lmtp:a", "", "http://a/b"] {
            assert!(Hop::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn networks_have_nothing_behind_their_prefix() {
        assert_eq!(IpNet::read("::1").unwrap().to_string(), "::1/128");
        assert!(IpNet::read("10.1.2.3/16").unwrap_err().contains("write \"10.1.0.0/16\""));
        assert!(IpNet::read("everyone").is_err());
    }

    #[test]
    fn stores_that_do_not_exist_yet_are_named() {
        assert_eq!(SqliteUrl::read("sqlite:///var/x.db"), Ok(SqliteUrl("/var/x.db".into())));
        assert_eq!(SqliteUrl::read("sqlite:var/x.db"), Ok(SqliteUrl("var/x.db".into())));
        assert!(SqliteUrl::read("postgres://db/octroi").unwrap_err().contains("does not support \"postgres:\""));
        assert!(SqliteUrl::read("var/x.db").unwrap_err().contains("write \"sqlite:var/x.db\""));
        assert!(SqliteUrl::read("sqlite:").is_err() && SqliteUrl::read("sqlite::memory:").is_err());
        assert!(FileUrl::read("s3://bucket").unwrap_err().contains("does not support \"s3:\""));
    }
}
