// SPDX-License-Identifier: EUPL-1.2
pub mod dsn;
pub mod outbox;
