// SPDX-License-Identifier: EUPL-1.2
//! Asks all rules about one copy. This is slow; `judge` remembers the answers.

use std::collections::HashSet;
use std::str::FromStr;

use cedar_policy::{
    AuthorizationError, Authorizer, Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request,
};
use jiff::Timestamp;

use super::domains::DomainLists;
use super::facts::{MessageFacts, RecipientFacts, SenderFacts};
use super::rules::{EVALUATION_ERROR, Rules};
use super::verdict::{Disposition, Reason};

/// What the rules said: those that bind and those that only observe.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub enforced: Vec<Reason>,
    pub observed: Vec<Reason>,
}

/// Names parsed once.
#[derive(Debug, Clone)]
pub(crate) struct Evaluator {
    authorizer: Authorizer,
    action: EntityUid,
    unit: EntityTypeName,
    list: EntityTypeName,
    sender: EntityTypeName,
    recipient: EntityTypeName,
}

impl Evaluator {
    pub(crate) fn new() -> Evaluator {
        let name = |name: &str| EntityTypeName::from_str(name).expect("a name of octroi's own schema");
        Evaluator {
            authorizer: Authorizer::new(),
            action: EntityUid::from_type_name_and_id(name("Octroi::Action"), EntityId::new("deliver")),
            unit: name("Octroi::Unit"),
            list: name("Octroi::DomainList"),
            sender: name("Octroi::Sender"),
            recipient: name("Octroi::Recipient"),
        }
    }

    /// Every rule in force at `instant` that speaks against this copy. Cedar skips a `forbid` that fails, that is, it
    /// would allow: whatever goes wrong here is a reason to hold (decision D17).
    pub(crate) fn ask(
        &self,
        rules: &Rules,
        lists: &DomainLists,
        sender: &SenderFacts,
        message: &MessageFacts,
        recipient: &RecipientFacts,
        instant: Timestamp,
    ) -> Said {
        let mut said = Said::default();
        let Some((request, entities)) = self.request(rules, lists, sender, message, recipient) else {
            said.enforced.push(evaluation_error());
            return said;
        };
        let response = self.authorizer.is_authorized(&request, &rules.set, &entities);
        for id in response.diagnostics().reason() {
            let Some(rule) = rules.get(id.as_ref()).filter(|rule| rule.is_in_force(instant)) else { continue };
            let reason = Reason {
                rule: rule.id.clone(),
                text: rule.reason.clone(),
                disposition: rule.disposition,
                notice: rule.notice.clone(),
            };
            if rule.observe { said.observed.push(reason) } else { said.enforced.push(reason) }
        }
        let mut failed_observing = false;
        for AuthorizationError::PolicyEvaluationError(error) in response.diagnostics().errors() {
            match rules.get(error.policy_id().as_ref()) {
                Some(rule) if !rule.is_in_force(instant) => {}
                Some(rule) if rule.observe => failed_observing = true,
                _ => {
                    said.enforced.push(evaluation_error());
                    break;
                }
            }
        }
        if failed_observing {
            said.observed.push(evaluation_error());
        }
        said
    }

    fn request(
        &self,
        rules: &Rules,
        lists: &DomainLists,
        sender: &SenderFacts,
        message: &MessageFacts,
        recipient: &RecipientFacts,
    ) -> Option<(Request, Entities)> {
        let mut entities = Vec::with_capacity(4);
        let units = self.units(&sender.unit, &mut entities);
        let from = EntityUid::from_type_name_and_id(self.sender.clone(), EntityId::new(&sender.address));
        entities.push(Entity::new(from.clone(), sender.attributes().collect(), units).ok()?);
        let to = EntityUid::from_type_name_and_id(self.recipient.clone(), EntityId::new(&recipient.address));
        let mut parents = HashSet::new();
        for name in lists.names(recipient.lists.0) {
            let list = EntityUid::from_type_name_and_id(self.list.clone(), EntityId::new(name));
            entities.push(Entity::with_uid(list.clone()));
            parents.insert(list);
        }
        entities.push(Entity::new(to.clone(), recipient.attributes().collect(), parents).ok()?);
        let context = Context::from_pairs(message.attributes()).ok()?;
        let request = Request::new(from, self.action.clone(), to, context, Some(&rules.schema)).ok()?;
        Some((request, Entities::from_entities(entities, Some(&rules.schema)).ok()?))
    }

    /// The unit and all above it: `sg/budget` is in `sg`.
    fn units(&self, path: &str, entities: &mut Vec<Entity>) -> HashSet<EntityUid> {
        let mut parents = HashSet::new();
        let ends = path.match_indices('/').map(|(at, _)| at).chain((!path.is_empty()).then_some(path.len()));
        for end in ends.take(16) {
            let unit = EntityUid::from_type_name_and_id(self.unit.clone(), EntityId::new(&path[..end]));
            entities.push(Entity::with_uid(unit.clone()));
            parents.insert(unit);
        }
        parents
    }
}

fn evaluation_error() -> Reason {
    Reason {
        rule: EVALUATION_ERROR.into(),
        text: "A rule could not be evaluated, so nobody knows whether this may leave.".into(),
        disposition: Disposition::Quarantine,
        notice: None,
    }
}
