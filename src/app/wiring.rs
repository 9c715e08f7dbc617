// SPDX-License-Identifier: EUPL-1.2
//! Builds the parts from the settings: sockets, next hop, store, notices.

use std::sync::Arc;

use jiff::tz::TimeZone;
use tokio::net::TcpListener;

use super::{StartError, tls};
use crate::config::Settings;
use crate::deliver::connection::OurName;
use crate::deliver::faults::HopFaults;
use crate::deliver::next_hop;
use crate::deliver::outbox::HopAddress;
use crate::deliver::settings::Hop;
use crate::listen::{milter, smtp};
use crate::mail::Mailbox;
use crate::pipeline::tell::{Addressees, House, Notifier};
use crate::store;

/// Which pages an address serves.
pub(super) enum Page {
    All,
    Health,
    Metrics,
}

pub(super) async fn pages(settings: &Settings) -> Result<Vec<(TcpListener, Page)>, StartError> {
    let mut pages = Vec::new();
    let own = settings.metrics.is_some();
    for (address, page) in
        [(settings.web, if own { Page::Health } else { Page::All }), (settings.metrics, Page::Metrics)]
    {
        if let Some(address) = address {
            let listener = TcpListener::bind(address).await.map_err(|e| StartError::Listen(address.to_string(), e))?;
            pages.push((listener, page));
        }
    }
    Ok(pages)
}

/// The sockets systemd hands over, else those the settings name. One that stands where `[smtp.tls]` listens begins TLS
/// at once.
pub(super) async fn listeners(settings: &Settings) -> Result<Vec<(TcpListener, smtp::TlsStart)>, StartError> {
    let mut given = listenfd::ListenFd::from_env();
    let mut listeners = Vec::new();
    for index in 0..given.len() {
        let taken = given.take_tcp_listener(index).and_then(|socket| match socket {
            Some(socket) => {
                socket.set_nonblocking(true)?;
                TcpListener::from_std(socket).map(Some)
            }
            None => Ok(None),
        });
        listeners.extend(taken.map_err(|e| StartError::Listen(format!("socket {index} of systemd"), e))?);
    }
    if listeners.is_empty() {
        for address in settings.smtp.listen.iter().chain(&settings.smtp.tls.listen) {
            let listener = TcpListener::bind(address).await.map_err(|e| StartError::Listen(address.to_string(), e))?;
            listeners.push(listener);
        }
    }
    let at_once = |listener: &TcpListener| listener.local_addr().is_ok_and(|a| settings.smtp.tls.listen.contains(&a));
    let with_tls = |listener| {
        let tls = if at_once(&listener) { smtp::TlsStart::Implicit } else { smtp::TlsStart::Explicit };
        (listener, tls)
    };
    Ok(listeners.into_iter().map(with_tls).collect())
}

pub(super) async fn milters(settings: &Settings) -> Result<Vec<milter::BoundSocket>, StartError> {
    let mut listeners = Vec::new();
    for address in &settings.milter.listen {
        let listener = milter::BoundSocket::bind(address).await;
        listeners.push(listener.map_err(|e| StartError::Listen(address.to_string(), e))?);
    }
    Ok(listeners)
}

pub(super) fn next_hop_settings(
    settings: &Settings,
    faults: Arc<HopFaults>,
) -> Result<next_hop::NextHopSettings, StartError> {
    let hop = &settings.next_hop;
    Ok(next_hop::NextHopSettings {
        address: address(&hop.hop),
        lmtp: hop.hop.is_lmtp(),
        us: OurName { name: settings.smtp.hostname.clone(), is_chosen: settings.smtp.hostname_is_chosen },
        tls: tls::outward(&hop.tls)?,
        tls_name: hop.tls.name.clone(),
        pool: hop.pool.size,
        idle: hop.pool.idle,
        connect: hop.connect,
        timeout: hop.reply,
        faults,
    })
}

pub(super) fn address(hop: &Hop) -> HopAddress {
    match hop {
        Hop::LmtpUnix(path) => HopAddress::Unix(path.clone()),
        Hop::Smtp { host, port } | Hop::LmtpTcp { host, port } => HopAddress::Tcp(join(host, *port)),
    }
}

fn join(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

pub(super) fn notifier(settings: &Settings) -> Notifier {
    let notices = settings.notices.clone();
    let from = notices.from.unwrap_or_else(|| {
        // Our name was read as a domain, or is `localhost`: behind an @ it makes a mailbox.
        Mailbox::parse(&format!("postmaster@{}", settings.smtp.hostname)).expect("our name is a domain")
    });
    let house = settings.house.clone();
    let digest = (!notices.digest_to.is_empty()).then_some(Addressees { to: notices.digest_to, at: notices.digest_at });
    let zone = house.time_zone.unwrap_or_else(TimeZone::system);
    let house = House { name: house.name, contact: house.contact };
    Notifier {
        from,
        house,
        language: notices.language,
        charter: notices.charter,
        digest,
        zone,
        noted_every: notices.noted_every,
    }
}

pub(super) fn store_settings(settings: &Settings) -> store::StoreSettings {
    store::StoreSettings {
        database: settings.store.database.clone(),
        blobs: settings.store.blobs.clone(),
        key_file: settings.store.key.clone(),
        node: settings.store.node.clone(),
        shared: false,
        quota: Some(settings.store.quota),
        keep_free: settings.store.keep_free,
        retention: retention(settings),
    }
}

pub(super) fn retention(settings: &Settings) -> store::Retention {
    let retention = settings.retention;
    store::Retention {
        quarantine: retention.quarantine,
        warning: retention.warning,
        journal: retention.journal,
        audit: retention.audit,
        told: settings.notices.noted_every,
        outbox: retention.outbox,
        ..store::Retention::default()
    }
}
