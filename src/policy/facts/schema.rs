// SPDX-License-Identifier: EUPL-1.2
//! The schema that rules are checked against, as the tables of facts give it.

use std::fmt::Write;
use std::sync::LazyLock;

use super::table::Row;
use super::{MessageFacts, RecipientFacts, SenderFacts};

static SCHEMA: LazyLock<String> = LazyLock::new(write);

/// `policies/schema.cedarschema`, which stands there for editors.
pub fn schema() -> &'static str {
    &SCHEMA
}

fn write() -> String {
    let (sender, recipient, message) =
        (attributes(SenderFacts::ROWS), attributes(RecipientFacts::ROWS), attributes(MessageFacts::ROWS));
    format!(
        r#"// SPDX-License-Identifier: EUPL-1.2
// The facts that rules may use. This file is for you and your editor: octroi has its own copy inside the program and does not
// read this one.
//
// octroi asks every rule once for each copy: may this sender (principal) send this message (context) to this recipient
// (resource)? Facts are kinds and numbers, never content.

namespace Octroi {{
  // A unit of the organisation, such as `sg/budget`. `sg/budget` is in `sg`.
  entity Unit in [Unit];

  // A list in policies/domains, named by its file: `resource in Octroi::DomainList::"press"`.
  entity DomainList;

  // The sender. Everybody can write any address in MAIL FROM, so there are two cases. A rule that holds mail because of these
  // facts applies to everybody who claims them. A condition that frees mail because of them (`unless`, `!`) works only with
  // proof "login": a login, or an application in units/*.toml that sends from its own network.
  entity Sender in [Unit] = {{
{sender}  }};

  entity Recipient in [DomainList] = {{
{recipient}  }};

  type Message = {{
{message}  }};

  action deliver appliesTo {{
    principal: [Sender],
    resource: [Recipient],
    context: Message,
  }};
}}
"#
    )
}

/// A line for each attribute.
fn attributes(rows: &[Row]) -> String {
    let mut lines = String::new();
    for row in rows {
        let Some(cedar) = row.cedar else { continue };
        let declared = format!("{}: {cedar},", row.name);
        let about = row.about.trim();
        // Writing to a string never fails.
        let _ = if about.is_empty() {
            writeln!(lines, "    {declared}")
        } else {
            writeln!(lines, "    {declared:<29} // {about}")
        };
    }
    lines
}
