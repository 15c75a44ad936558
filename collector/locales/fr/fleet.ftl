# État du parc, établissements, cellules
headline-empty = Bienvenue. Aucun poste n’est encore inscrit.
headline-waiting = Les postes sont inscrits ; aucun n’a encore donné de nouvelles.
headline-well = Tout va bien. Rien ne demande votre attention.
headline-tickets-only = Rien n’est en panne ; des tickets restent ouverts.
headline-schools = { $n ->
    [one] { $n } établissement a besoin de vous.
   *[other] { $n } établissements ont besoin de vous.
}
headline-one-cut = ⟦Coupure internet⟧ : { $school }{ $ending }.
headline-cuts = { $schools ->
    [one] { $schools } établissement a besoin
   *[other] { $schools } établissements ont besoin
} de vous, dont ⟦{ $cuts ->
    [one] { $cuts } coupure internet
   *[other] { $cuts } coupures internet
}⟧{ $ending }.
headline-before = {" "}à rétablir avant { $due }
headline-late = {" "}en retard depuis { $due }
online-of = { $online ->
    [one] { $online } poste en ligne
   *[other] { $online } postes en ligne
} sur { $expected ->
    [one] { $expected } attendu
   *[other] { $expected } attendus
}
first-title = À rétablir d’abord
first-caption = Tickets ouverts, par temps restant
attention-title = Demandent attention
well-title = Tout va bien
no-ticket = Aucun ticket ouvert.
more-tickets = { $n ->
    [one] et { $n } autre ticket ouvert
   *[other] et { $n } autres tickets ouverts
}
more-problems = { $n ->
    [one] et { $n } autre problème
   *[other] et { $n } autres problèmes
}
nothing-to-say = rien à signaler
no-basin = Sans bassin
basin-words = { $schools ->
    [one] { $schools } établissement
   *[other] { $schools } établissements
}, { $online ->
    [one] { $online } poste en ligne
   *[other] { $online } postes en ligne
}
silent-no-verdict = plusieurs postes se sont tus ; la cause n’est pas encore établie
to-watch = à surveiller
quarantine-notice = { $n ->
    [one] { $n } poste attend votre approbation
   *[other] { $n } postes attendent votre approbation
}
quarantine-see = Voir la quarantaine
schools-without-machines = { $n ->
    [one] { $n } établissement du répertoire n’a pas encore de poste.
   *[other] { $n } établissements du répertoire n’ont pas encore de poste.
}
legend = Légende
legend-online = en ligne
legend-off = éteint, normal
legend-look = à voir
legend-broken = en panne
legend-silent = silencieux
legend-unknown = inconnu
cell-online = en ligne
cell-off = éteint, normal
cell-look = à voir
cell-broken = en panne
cell-silent = silencieux : plus de nouvelles, sans adieu
cell-never = inscrit, jamais entendu
cell-unmeasured = en ligne, rien de mesuré encore
cell-quarantined = en quarantaine, attend une approbation
cell-revoked = révoqué
cell-unknown = inconnu
cell-why = { $state } : { $check }, { $reason }
count-online = { $n } en ligne
count-off = { $n ->
    [one] { $n } éteint
   *[other] { $n } éteints
}
count-look = { $n } à voir
count-broken = { $n } en panne
title-broken = { $n ->
    [one] { $n } poste en panne
   *[other] { $n } postes en panne
}
count-silent = { $n } silencieux
title-silent = { $n ->
    [one] { $n } poste silencieux
   *[other] { $n } postes silencieux
}
count-unknown = { $n ->
    [one] { $n } inconnu
   *[other] { $n } inconnus
}
count-detail = { $all } : { $parts }
strip-title = Ligne internet, 24 dernières heures
strip-none = Ligne internet, 24 dernières heures : aucune coupure
strip-cuts = Ligne internet, 24 dernières heures : coupée { $cuts }
strip-cut = de { $from } à { $to }
strip-cut-since = depuis { $from }
strip-ago = il y a 24 h
strip-now = maintenant
start-title = Par où commencer
start-schools = Importez vos établissements (fichier de l’annuaire de l’éducation) :
start-token = Créez un jeton d’inscription pour un établissement :
start-enrol = Sur chaque poste, inscrivez l’agent avec ce jeton :
start-approve = Approuvez ici les postes inscrits depuis une adresse inattendue.
school-machines = Postes
school-tickets = Tickets
school-networks = Réseaux connus
school-no-network = Aucun réseau déclaré : les postes inscrits attendent une approbation.
school-line = Ligne internet
school-incidents = Pannes en cours
school-no-incident = Aucune panne en cours.
school-uai = UAI
school-basin = Bassin
school-town = Commune
school-no-ticket = Aucun ticket.
school-no-machine = Aucun poste inscrit.
line-backup = secours
line-not-probed = non surveillée d’ici
line-not-yet = pas encore sondée
line-never = n’a jamais répondu d’ici : ne prouve rien
line-answers = son routeur répond { $since }
line-silent = son routeur se tait { $since }
line-silent-ours = son routeur se tait { $since }, comme tous les autres : peut-être notre propre ligne
column-operator = Opérateur
column-reference = Référence
column-address = Adresse
column-carries = Réseaux
network-pedagogical = pédagogique
network-administrative = administratif
kind-workstation = poste fixe
kind-laptop = portable
kind-server = serveur
kind-nomade = nomade
column-machine = Poste
column-state = État
column-kind = Type
column-seen = Dernières nouvelles
column-network = Réseau
column-range = Plage d’adresses
never-seen = jamais
search-title = Recherche
search-results = { $n ->
    [0] Rien ne correspond à « { $query } ».
    [one] { $n } résultat pour « { $query } »
   *[other] { $n } résultats pour « { $query } »
}
search-ask = Tapez un nom de poste, un établissement, une commune ou un UAI.
search-limit = Seuls les { $n } premiers sont montrés : précisez.
count-quarantined = { $n } en quarantaine
in-doubt = Les pannes affichées et ce que les postes ont dit ne s’accordent pas ({ $n ->
    [one] un cas
   *[other] { $n } cas
}) : c’est un défaut de Vigie ; vérifiez par téléphone avant de vous déplacer, et envoyez à qui maintient Vigie les lignes « defect of Vigie » du journal du collecteur, qui nomment l’établissement.
