// SPDX-License-Identifier: EUPL-1.2
//! Asks all rules about one copy. The slow way: `judge` remembers the answers.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;

use cedar_policy::{
    AuthorizationError, Authorizer, Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request,
    RestrictedExpression,
};
use jiff::Timestamp;

use super::domains::DomainLists;
use super::facts::{MessageFacts, RecipientFacts, class_word, is_outside};
use super::rules::{EVALUATION_ERROR, Rules};
use super::verdict::{Disposition, Reason};
use crate::directory::Class;

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
        message: &MessageFacts,
        recipient: &RecipientFacts,
        instant: Timestamp,
    ) -> Said {
        let mut said = Said::default();
        let Some((request, entities)) = self.request(rules, lists, message, recipient) else {
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
        message: &MessageFacts,
        recipient: &RecipientFacts,
    ) -> Option<(Request, Entities)> {
        let mut entities = Vec::with_capacity(4);
        let units = self.units(&message.sender.unit, &mut entities)?;
        let sender = EntityUid::from_type_name_and_id(self.sender.clone(), EntityId::new(&message.sender.address));
        let from = &message.sender;
        let attributes = HashMap::from([
            ("address".into(), text(&from.address)),
            ("domain".into(), text(&from.domain)),
            ("unit".into(), text(&from.unit)),
            ("role".into(), text(&from.role)),
            ("proof".into(), text(from.proof)),
        ]);
        entities.push(Entity::new(sender.clone(), attributes, units).ok()?);
        let to = EntityUid::from_type_name_and_id(self.recipient.clone(), EntityId::new(&recipient.address));
        let mut parents = HashSet::new();
        for name in lists.names(recipient.lists) {
            let list = EntityUid::from_type_name_and_id(self.list.clone(), EntityId::new(name));
            entities.push(Entity::with_uid(list.clone()));
            parents.insert(list);
        }
        entities.push(Entity::new(to.clone(), recipient_attributes(recipient), parents).ok()?);
        let context = Context::from_pairs(context(message)).ok()?;
        let request = Request::new(sender, self.action.clone(), to, context, Some(&rules.schema)).ok()?;
        Some((request, Entities::from_entities(entities, Some(&rules.schema)).ok()?))
    }

    /// The unit and all above it: `sg/budget` is in `sg`.
    fn units(&self, path: &str, entities: &mut Vec<Entity>) -> Option<HashSet<EntityUid>> {
        let mut parents = HashSet::new();
        let ends = path.match_indices('/').map(|(at, _)| at).chain((!path.is_empty()).then_some(path.len()));
        for end in ends.take(16) {
            let unit = EntityUid::from_type_name_and_id(self.unit.clone(), EntityId::new(&path[..end]));
            entities.push(Entity::with_uid(unit.clone()));
            parents.insert(unit);
        }
        Some(parents)
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

fn recipient_attributes(recipient: &RecipientFacts) -> HashMap<String, RestrictedExpression> {
    let private = matches!(recipient.class, Class::PrivateWebmail | Class::Disposable);
    HashMap::from([
        ("address".into(), text(&recipient.address)),
        ("domain".into(), text(&recipient.domain)),
        ("class".into(), text(class_word(recipient.class))),
        ("outside".into(), flag(is_outside(recipient.class))),
        ("private_mailbox".into(), flag(private)),
        ("consumer_hosted".into(), flag(recipient.consumer_hosted)),
        ("agent".into(), flag(recipient.agent)),
        ("family".into(), flag(recipient.family)),
        ("colleague".into(), flag(recipient.colleague)),
        ("namesake".into(), flag(recipient.namesake)),
        ("lookalike".into(), flag(recipient.lookalike)),
        ("allowed".into(), flag(recipient.allowed)),
    ])
}

fn context(facts: &MessageFacts) -> Vec<(String, RestrictedExpression)> {
    let words = |words: &[Box<str>]| RestrictedExpression::new_set(words.iter().map(|word| text(word)));
    let number = |number: u32| RestrictedExpression::new_long(number.into());
    vec![
        ("rank".into(), number(facts.rank.into())),
        ("markings".into(), words(&facts.markings)),
        ("labels".into(), words(&facts.labels)),
        ("official".into(), flag(facts.official)),
        ("forwards".into(), words(&facts.forwards)),
        ("documents".into(), words(&facts.documents)),
        ("invitation".into(), flag(facts.invitation)),
        ("links".into(), words(&facts.links)),
        ("own_links".into(), words(&facts.own_links)),
        ("encrypted".into(), words(&facts.encrypted)),
        ("uninspectable".into(), words(&facts.uninspectable)),
        ("disguised".into(), words(&facts.disguised)),
        ("personal_data".into(), words(&facts.personal_data)),
        ("identifiers".into(), number(facts.identifiers)),
        ("phones".into(), number(facts.phones)),
        ("addresses".into(), number(facts.addresses)),
        ("private".into(), flag(facts.private)),
        ("traced".into(), flag(facts.traced)),
        ("list_reuse".into(), words(&facts.list_reuse)),
        ("sender_mismatch".into(), flag(facts.sender_mismatch)),
        ("null_sender".into(), flag(facts.null_sender)),
        ("recipients".into(), number(facts.recipients)),
        ("outside".into(), number(facts.outside)),
        ("megabytes".into(), number(facts.megabytes)),
    ]
}

fn text(text: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(text.to_owned())
}

fn flag(flag: bool) -> RestrictedExpression {
    RestrictedExpression::new_bool(flag)
}
