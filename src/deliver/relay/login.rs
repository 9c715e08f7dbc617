// SPDX-License-Identifier: EUPL-1.2
//! Connections that belong to one client: the client has logged in there, or the next hop knows the client by XCLIENT
//! (decisions D3 and D7). They never go to the pool.

use zeroize::Zeroizing;

use super::{OFFER, Relay};
use crate::deliver::NextHopError;
use crate::deliver::connection::NextHopConnection;
use crate::deliver::deadline::Deadline;
use crate::mail::{Reply, reply};
use crate::smtp::client;
use crate::smtp::login::Secret;

impl Relay {
    /// Takes one line of an AUTH exchange to the next hop, and its answer back.
    pub async fn login(&mut self, line: &Secret, xclient: &[(String, String)]) -> Reply {
        self.be(xclient);
        match self.try_login(line, Deadline::after(OFFER)).await {
            Ok(reply) => {
                self.logged_in = reply.code == 235;
                reply
            }
            Err(fault) => {
                tracing::debug!(%fault, "AUTH could not be passed to the next hop");
                (self.own, self.logged_in) = (None, false);
                reply::AUTH_UNAVAILABLE.reply()
            }
        }
    }

    async fn try_login(&mut self, line: &Secret, deadline: Deadline) -> Result<Reply, NextHopError> {
        let line = line.expose();
        let mut connection = match self.own.take() {
            Some(connection) => connection,
            None => self.open(deadline).await?,
        };
        // The first line names the mechanism, which the next hop must still have (decision D7: and only over TLS or to
        // this machine, else it counts as not offered).
        if let Some(rest) = line.strip_prefix(b"AUTH ") {
            let mechanism = rest.split(|octet| *octet == b' ').next().unwrap_or_default();
            if !connection.capabilities.auth.split(' ').any(|offered| offered.as_bytes() == mechanism) {
                return Err(NextHopError::Changed);
            }
        }
        let mut wire = Zeroizing::new(Vec::with_capacity(line.len() + 2));
        wire.extend_from_slice(line);
        wire.extend_from_slice(b"\r\n");
        let reply = connection.ask(&wire, deadline.at_most(self.hop.timeout())).await?;
        if reply.code != 421 {
            self.own = Some(connection);
        }
        Ok(reply)
    }

    /// Becomes the side of this client. What was opened for another is closed.
    pub(super) fn be(&mut self, xclient: &[(String, String)]) {
        if self.xclient != xclient {
            self.xclient = xclient.to_vec();
            (self.own, self.logged_in) = (None, false);
        }
    }

    fn is_own(&self) -> bool {
        self.logged_in || (!self.xclient.is_empty() && self.hop.capabilities().is_some_and(|c| !c.xclient.is_empty()))
    }

    /// The client's own connection, or any.
    pub(super) async fn take(&mut self, deadline: Deadline) -> Result<NextHopConnection, NextHopError> {
        // One on which AUTH failed is nobody's: it is closed here.
        if let Some(mut connection) = self.own.take()
            && self.is_own()
            && !connection.is_stale()
        {
            return Ok(connection);
        }
        if self.is_own() { self.fresh(deadline).await } else { self.hop.take(deadline).await }
    }

    /// A connection that nobody has used. Where the client had authenticated only the client can open another.
    pub(super) async fn fresh(&mut self, deadline: Deadline) -> Result<NextHopConnection, NextHopError> {
        if self.logged_in {
            return Err(NextHopError::LoginLost);
        }
        // The one it takes the place of.
        self.connection = None;
        let connection = if self.is_own() { self.open(deadline).await? } else { self.hop.connect(deadline).await? };
        self.check(&connection)?;
        Ok(connection)
    }

    /// A new connection on which the next hop knows our client, as far as it listens.
    async fn open(&mut self, deadline: Deadline) -> Result<NextHopConnection, NextHopError> {
        let step = || deadline.at_most(self.hop.timeout());
        let mut connection = self.hop.connect(deadline).await?;
        let mut line = Vec::new();
        let said = client::write_xclient(&mut line, &self.xclient, &connection.capabilities);
        if said.map_err(|_| NextHopError::Gibberish)? {
            // XCLIENT_README: 220 begins the session again. A next hop that does not believe us must not take the mail
            // for somebody else's.
            let offered = connection.capabilities.clone();
            if connection.ask(&line, step()).await?.code != 220 {
                return Err(NextHopError::Changed);
            }
            self.hop.hello(&mut connection, step()).await?;
            connection.keep_promises_of(&offered);
        }
        Ok(connection)
    }

    pub(super) fn put_back(&mut self, connection: NextHopConnection) {
        if self.is_own() { self.own = Some(connection) } else { self.hop.give_back(connection) }
    }
}
