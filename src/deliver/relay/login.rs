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
        let deadline = Deadline::after(OFFER);
        match self.try_login(line, deadline).await {
            Ok(reply) => {
                self.hop.heard(&reply);
                self.logged_in = reply.code == 235;
                reply
            }
            Err(fault) => {
                self.hop.broke(fault, deadline);
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
        match reply.code {
            334 => self.own = Some(connection),
            235 => {
                connection.is_private = true;
                self.own = Some(connection);
            }
            // Nobody has logged in: no client keeps a place among the connections in use for having failed.
            421 => {}
            _ => connection.quit().await,
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

    /// The client's own connection, or any, on which the next hop knows our client as far as it listens.
    pub(super) async fn take(&mut self, deadline: Deadline) -> Result<NextHopConnection, NextHopError> {
        // One on which AUTH was given up half-way is nobody's: it is closed here.
        if let Some(mut connection) = self.own.take()
            && connection.is_private
            && !connection.is_stale()
        {
            return Ok(connection);
        }
        // Where the client had authenticated only the client can open another.
        if self.logged_in {
            return Err(NextHopError::LoginLost);
        }
        let connection = self.hop.take(deadline).await?;
        self.introduced(connection, deadline).await
    }

    /// A connection that nobody has used, in the place of the present one.
    pub(super) async fn fresh(&mut self, deadline: Deadline) -> Result<NextHopConnection, NextHopError> {
        let old = self.connection.take();
        if self.logged_in {
            return Err(NextHopError::LoginLost);
        }
        let connection = self.hop.connect_instead(old, deadline).await?;
        let connection = self.introduced(connection, deadline).await?;
        self.check(&connection)?;
        Ok(connection)
    }

    /// A new connection on which the next hop knows our client, as far as it listens.
    async fn open(&mut self, deadline: Deadline) -> Result<NextHopConnection, NextHopError> {
        let connection = self.hop.connect(deadline).await?;
        self.introduced(connection, deadline).await
    }

    /// Says who our client is, where this connection has offered to listen. It is the client's own then.
    async fn introduced(
        &self,
        mut connection: NextHopConnection,
        deadline: Deadline,
    ) -> Result<NextHopConnection, NextHopError> {
        let step = || deadline.at_most(self.hop.timeout());
        let mut line = Vec::new();
        let said = client::write_xclient(&mut line, &self.xclient, &connection.capabilities);
        if said.map_err(|_| NextHopError::Gibberish)? {
            connection.is_private = true;
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
        if connection.is_private { self.own = Some(connection) } else { self.hop.give_back(connection) }
    }
}
