// SPDX-License-Identifier: EUPL-1.2
//! The sample mails: one morning of an imaginary ministry of justice.

/// One mail, as it is sent.
#[derive(Debug)]
pub struct Sample {
    /// The reverse-path; empty for a bounce.
    pub from: &'static str,
    pub to: &'static [&'static str],
    /// What the mail is about, as its subject says.
    pub subject: &'static str,
    /// The message without its `Date:`, which is always now.
    pub content: &'static [u8],
}

const fn sample(
    from: &'static str,
    to: &'static [&'static str],
    subject: &'static str,
    content: &'static [u8],
) -> Sample {
    Sample { from, to, subject, content }
}

/// In the order of sending.
pub const MORNING: [Sample; 14] = [
    // A registrar answers a citizen, who writes from a webmail address.
    sample(
        "etienne.marchandeau@justice.gouv.example",
        &["l.fontaine@wanadoo.fr"],
        "Re: Votre demande de copie de jugement",
        include_bytes!("01-reponse-usager.eml"),
    ),
    sample(
        "claire.vasseur@justice.gouv.example",
        &["mathieu.delorme-roy@justice.gouv.example", "nadia.benhaddou@justice.gouv.example"],
        "Compte rendu de vendredi",
        include_bytes!("02-compte-rendu.eml"),
    ),
    // Two colleagues at the office, a third one at home: one mail, two verdicts.
    sample(
        "nadia.benhaddou@justice.gouv.example",
        &[
            "sophie.amourdedieu@justice.gouv.example",
            "gilles.thouvenot@justice.gouv.example",
            "jeanbaptiste.lescure@gmail.com",
        ],
        "Comparaison des devis, pour avis",
        include_bytes!("03-collegue-chez-lui.eml"),
    ),
    sample(
        "karim.zerouali@justice.gouv.example",
        &["karim.zerouali@gmail.com"],
        "TR: Projet de réponse, à relire",
        include_bytes!("04-transfert-chez-soi.eml"),
    ),
    // The mark stands in the footer of the attached document only.
    sample(
        "jean-baptiste.lescure@justice.gouv.example",
        &["contact@serrures-bonnefoy.example"],
        "Accès aux archives : éléments pour votre devis",
        include_bytes!("05-note-marquee.eml"),
    ),
    sample(
        "lea.quintard@justice.gouv.example",
        &["expertise@cabinet-brillac.example"],
        "Photos des locaux",
        include_bytes!("06-lien-wetransfer.eml"),
    ),
    sample(
        "yann.le-goff@justice.gouv.example",
        &["yann.legoff29@free.fr"],
        "[Personnel] dossier de prêt",
        include_bytes!("07-personnel.eml"),
    ),
    sample(
        "sophie.amourdedieu@justice.gouv.example",
        &["m.vannier@sfr.fr"],
        "Les fichiers dont nous avons parlé",
        include_bytes!("08-archive-fermee.eml"),
    ),
    sample(
        "francoise.pellerin@justice.gouv.example",
        &["enquetes@institut-panorama.example"],
        "Participants à la journée du 12 mars",
        include_bytes!("09-liste-adresses.eml"),
    ),
    // No hand has sent this one: a rule of the mailbox has.
    sample(
        "mathieu.delorme-roy@justice.gouv.example",
        &["matt.delorme@gmail.com"],
        "Éléments de langage pour jeudi",
        include_bytes!("10-renvoi-automatique.eml"),
    ),
    sample(
        "claire.vasseur@justice.gouv.example",
        &["claire.vasseur75@gmail.com"],
        "Le lien pour 14 h",
        include_bytes!("11-reunion-chez-soi.eml"),
    ),
    // Marked as well, but to a partner.
    sample(
        "anneke.van-rijswijk@justice.gouv.example",
        &["j.devries@justitie.rijk.example"],
        "Rechtshulpverzoek 2026-041: aanvulling",
        include_bytes!("12-rechtshulpverzoek.eml"),
    ),
    // A letter of the domain is wrong.
    sample(
        "gilles.thouvenot@justice.gouv.example",
        &["lea.quintard@justlce.gouv.example"],
        "Your question on retention periods",
        include_bytes!("13-faute-de-frappe.eml"),
    ),
    sample("", &["p.lemercier@laposte.net"], "Message non remis", include_bytes!("14-avis-de-non-remise.eml")),
];
