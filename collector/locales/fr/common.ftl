# Words of every page
app-name = Vigie
skip-to-content = Aller au contenu
nav-main = Principal
nav-fleet = Parc
nav-tickets = Tickets
nav-quarantine = Quarantaine
nav-search = Chercher un poste, un établissement, une commune
nav-search-hint = Poste, établissement, UAI…
nav-account = Compte et langue
sign-out = Se déconnecter
switch-language = English
footer-page-of = Page du { $moment }
footer-reload = Recharger la page
live-fresh = à jour il y a {"{"}n{"}"}
live-now = à jour
live-lost = Liaison perdue : cette page ne se met plus à jour depuis {"{"}n{"}"}. Rechargez-la.
unit-second = { $n } s
unit-minute = { $n } min
unit-hour = { $n } h
unit-day = { $n } j
time-hour = { $h } h { $m }
time-second = { $h } h { $m } min { $s } s
time-day = { $weekday } { $d ->
    [1] 1er
   *[other] { $d }
} { $month }
time-yesterday = hier, { $hour }
time-tomorrow = demain, { $hour }
time-since = depuis { $moment }
time-since-day = depuis le { $moment }
time-ago = il y a { $duration }
time-just-now = à l’instant
time-hours-minutes = { $h } h { $m }
list-and = { $first } et { $last }
weekday-1 = lundi
weekday-2 = mardi
weekday-3 = mercredi
weekday-4 = jeudi
weekday-5 = vendredi
weekday-6 = samedi
weekday-7 = dimanche
month-1 = janvier
month-2 = février
month-3 = mars
month-4 = avril
month-5 = mai
month-6 = juin
month-7 = juillet
month-8 = août
month-9 = septembre
month-10 = octobre
month-11 = novembre
month-12 = décembre
size-b = { $n } octet
size-kb = { $n } ko
size-mb = { $n } Mo
size-gb = { $n } Go
size-tb = { $n } To
size-pb = { $n } Po
count-machines = { $n ->
    [one] { $n } poste
   *[other] { $n } postes
}
count-schools = { $n ->
    [one] { $n } établissement
   *[other] { $n } établissements
}
decimal-mark = ,
yes = oui
by-vigie = par Vigie
weekday-short-1 = lun.
weekday-short-2 = mar.
weekday-short-3 = mer.
weekday-short-4 = jeu.
weekday-short-5 = ven.
weekday-short-6 = sam.
weekday-short-7 = dim.
