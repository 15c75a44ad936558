# Words of every page
app-name = Vigie
skip-to-content = Skip to content
nav-main = Main
nav-fleet = Fleet
nav-tickets = Tickets
nav-quarantine = Quarantine
nav-search = Find a machine, a school, a town
nav-search-hint = Machine, school, UAI…
nav-account = Account and language
sign-out = Sign out
switch-language = Français
footer-page-of = Page of { $moment }
footer-reload = Reload the page
live-fresh = updated {"{"}n{"}"} ago
live-now = up to date
live-lost = Connection lost: this page has not been updated for {"{"}n{"}"}. Reload it.
unit-second = { $n } s
unit-minute = { $n } min
unit-hour = { $n } h
unit-day = { $n } d
time-hour = { $h }:{ $m }
time-second = { $h }:{ $m }:{ $s }
time-day = { $weekday } { $d } { $month }
time-yesterday = yesterday, { $hour }
time-tomorrow = tomorrow, { $hour }
time-since = since { $moment }
time-since-day = since { $moment }
time-ago = { $duration } ago
time-just-now = just now
time-hours-minutes = { $h } h { $m } min
list-and = { $first } and { $last }
weekday-1 = Monday
weekday-2 = Tuesday
weekday-3 = Wednesday
weekday-4 = Thursday
weekday-5 = Friday
weekday-6 = Saturday
weekday-7 = Sunday
month-1 = January
month-2 = February
month-3 = March
month-4 = April
month-5 = May
month-6 = June
month-7 = July
month-8 = August
month-9 = September
month-10 = October
month-11 = November
month-12 = December
size-b = { $n } B
size-kb = { $n } kB
size-mb = { $n } MB
size-gb = { $n } GB
size-tb = { $n } TB
size-pb = { $n } PB
count-machines = { $n ->
    [one] { $n } machine
   *[other] { $n } machines
}
count-schools = { $n ->
    [one] { $n } school
   *[other] { $n } schools
}
decimal-mark = .
yes = yes
by-vigie = by Vigie
weekday-short-1 = Mon
weekday-short-2 = Tue
weekday-short-3 = Wed
weekday-short-4 = Thu
weekday-short-5 = Fri
weekday-short-6 = Sat
weekday-short-7 = Sun
