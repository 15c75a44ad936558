# Tickets, incidents, historiques
column-clock = Délai
column-ticket = Ticket
column-due = Échéance
ticket-open = Ouvert
ticket-overdue = En retard
ticket-resolved = Résolu
overdue-by = en retard de { $duration }
took = rétabli en { $duration }
time-used = { $percent } % du délai écoulé
tickets-open-title = Ouverts
tickets-resolved-title = Résolus récemment
tickets-limit = Seuls les { $n } premiers tickets sont montrés.
ticket-title = Ticket n° { $n }
ticket-headline-open = À rétablir avant { $due } : il reste { $left }.
ticket-headline-late = À rétablir avant { $due } : { $left }.
ticket-headline-resolved = Rétabli { $end } ({ $left }).
ticket-opened = Ouvert
ticket-due = Échéance
ticket-restored = Service rétabli
ticket-resolved-at = Résolu
ticket-incidents = Ce qui est en panne
ticket-no-incident = Aucun incident.
ticket-history = Pourquoi ce ticket, et ce qui a suivi
ticket-why = Pourquoi cette échéance ?
why-allowed = L’accord laisse { $allowed } ouvrées pour rétablir. L’horloge part de la détection : { $opened }.
why-hours = Les heures ouvrées vont du lundi au vendredi, de 8 h à 18 h (heure de Paris), hors jours fériés.
why-day = { $day } : { $told }
why-due = L’échéance tombe donc { $due }.
incident-cause = Cause
incident-confidence = Certitude
incident-started = Début
incident-detected = Détecté
incident-ended = Fin
incident-lasted = Durée
incident-witnesses = Témoins
incident-machine = Poste
incident-on = Sur
incident-ongoing = en cours
incident-history = Pourquoi, et la suite
between = entre { $after } et { $by }
note-with = { $text } ({ $figures })
note-start-refined = Le début est précisé par des mesures arrivées depuis : entre { $after } et { $by }. D’autres peuvent le préciser encore.
note-resolved-by-check = Le poste mesure de nouveau un état bon. { -rechute }
note-resolved-check-gone = Ce qui était mesuré n’existe plus sur le poste, ou il n’est plus du parc : il n’y a plus rien à constater.
note-late-evidence = Des mesures arrivées plus tard ont été ajoutées
note-reopened = Rouvert : la panne est revenue
note-joined = Une autre panne de même origine a rejoint ce ticket
note-cause-refined = La cause est précisée d’après ce que les témoins ont mesuré : { $from } devient { $to }. D’autres mesures peuvent la préciser encore.
note-opened-by-check = Ce poste a mesuré : { $reason } ({ $state }). Règle : ce qui ne touche qu’un poste se croit sur sa seule mesure. Une bonne mesure changerait ce constat.
figure-witnesses = témoins
figure-machines = postes
figure-online = en ligne
figure-last-seen = dernières nouvelles
figure-reason = raison
figure-state = état
figure-after = après
figure-by = au plus tard
figure-from = de
figure-to = à
figure-cause = cause
figure-machine = poste
figure-check = contrôle
figure-instance = sur
figure-ended = fin
figure-started = début
seen-by = { $n ->
    [0] sans témoin
    [one] vue par { $n } poste
   *[other] vue par { $n } postes
}
tickets-headline = { $open ->
    [0] Aucun ticket ouvert.
    [one] { $open } ticket ouvert{ $late ->
        [0] {""}, aucun en retard.
       *[other] {""}, { $late } en retard.
    }
   *[other] { $open } tickets ouverts{ $late ->
        [0] {""}, aucun en retard.
       *[other] {""}, { $late } en retard.
    }
}
why-weekend = fin de semaine, rien ne compte
why-holiday = jour férié, rien ne compte
why-closed = hors des heures ouvrées, rien ne compte
note-ticket-opened = Ticket n° { $number } ouvert : { $check }{ $on }.
note-tightened = Plus urgent qu’à l’ouverture : { $check }{ $on }. Nouvelle échéance : { $due }.
note-incident-joined = Une autre panne de même origine rejoint ce ticket : { $check }{ $on }.
figure-number = numéro
figure-section = section
figure-kind = genre
figure-seq = numéro d’événement
figure-shared = points communs
by-command-line = depuis la ligne de commande
