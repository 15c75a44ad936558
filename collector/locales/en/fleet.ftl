# Fleet health, schools, cells
headline-empty = Welcome. No machine has enrolled yet.
headline-waiting = Machines have enrolled; none has been heard yet.
headline-well = All is well. Nothing needs your attention.
headline-tickets-only = Nothing is broken; some tickets are still open.
headline-schools = { $n ->
    [one] { $n } school needs you.
   *[other] { $n } schools need you.
}
headline-one-cut = ⟦Internet outage⟧: { $school }{ $ending }.
headline-cuts = { $schools ->
    [one] { $schools } school needs
   *[other] { $schools } schools need
} you, ⟦{ $cuts ->
    [one] { $cuts } internet outage
   *[other] { $cuts } internet outages
}⟧ among them{ $ending }.
headline-before = , to restore before { $due }
headline-late = , overdue since { $due }
online-of = { $online ->
    [one] { $online } machine online
   *[other] { $online } machines online
} of { $expected ->
    [one] { $expected } expected
   *[other] { $expected } expected
}
first-title = To restore first
first-caption = Open tickets by time left
attention-title = Need attention
well-title = All is well
no-ticket = No open ticket.
more-tickets = { $n ->
    [one] and { $n } more open ticket
   *[other] and { $n } more open tickets
}
more-problems = { $n ->
    [one] and { $n } more problem
   *[other] and { $n } more problems
}
nothing-to-say = nothing to report
no-basin = No basin
basin-words = { $schools ->
    [one] { $schools } school
   *[other] { $schools } schools
}, { $online ->
    [one] { $online } machine online
   *[other] { $online } machines online
}
silent-no-verdict = several machines fell silent; the cause is not established yet
to-watch = to watch
quarantine-notice = { $n ->
    [one] { $n } machine waits for your approval
   *[other] { $n } machines wait for your approval
}
quarantine-see = See the quarantine
schools-without-machines = { $n ->
    [one] { $n } school of the directory has no machine yet.
   *[other] { $n } schools of the directory have no machine yet.
}
legend = Legend
legend-online = online
legend-off = off, as expected
legend-look = to look at
legend-broken = broken
legend-silent = silent
legend-unknown = unknown
cell-online = online
cell-off = off, as expected
cell-look = to look at
cell-broken = broken
cell-silent = silent: no news, and no goodbye
cell-never = enrolled, never heard
cell-unmeasured = online, nothing measured yet
cell-quarantined = in quarantine, waits for approval
cell-revoked = revoked
cell-unknown = unknown
cell-why = { $state }: { $check }, { $reason }
count-online = { $n } online
count-off = { $n } off
count-look = { $n } to look at
count-broken = { $n } broken
title-broken = { $n ->
    [one] { $n } machine broken
   *[other] { $n } machines broken
}
count-silent = { $n } silent
title-silent = { $n ->
    [one] { $n } machine silent
   *[other] { $n } machines silent
}
count-unknown = { $n } unknown
count-detail = { $all }: { $parts }
strip-title = Internet line, last 24 hours
strip-none = Internet line, last 24 hours: no outage
strip-cuts = Internet line, last 24 hours: cut { $cuts }
strip-cut = from { $from } to { $to }
strip-cut-since = since { $from }
strip-ago = 24 h ago
strip-now = now
start-title = Where to start
start-schools = Import your schools (a file of the national directory of schools):
start-token = Make an enrolment token for a school:
start-enrol = On each machine, enrol the agent with this token:
start-approve = Approve here the machines that enrolled from an unexpected address.
school-machines = Machines
school-tickets = Tickets
school-networks = Known networks
school-no-network = No network declared: machines that enrol wait for approval.
school-line = Internet line
school-incidents = Open incidents
school-no-incident = No open incident.
school-uai = UAI
school-basin = Basin
school-town = Town
school-no-ticket = No ticket.
school-no-machine = No machine has enrolled.
line-backup = back-up
line-not-probed = not watched from here
line-not-yet = not probed yet
line-never = never answered from here: proves nothing
line-answers = its router answers { $since }
line-silent = its router is silent { $since }
line-silent-ours = its router is silent { $since }, like all others: perhaps our own line
column-operator = Operator
column-reference = Reference
column-address = Address
column-carries = Networks
network-pedagogical = pedagogical
network-administrative = administrative
kind-workstation = workstation
kind-laptop = laptop
kind-server = server
kind-nomade = take-home laptop
column-machine = Machine
column-state = State
column-kind = Kind
column-seen = Last news
column-network = Network
column-range = Address range
never-seen = never
search-title = Search
search-results = { $n ->
    [0] Nothing matches “{ $query }”.
    [one] { $n } result for “{ $query }”
   *[other] { $n } results for “{ $query }”
}
search-ask = Type the name of a machine, a school, a town or a UAI.
search-limit = Only the first { $n } are shown: say more.
count-quarantined = { $n } in quarantine
in-doubt = The incidents shown and what the machines said do not agree ({ $n ->
    [one] one case
   *[other] { $n } cases
}): this is a defect of Vigie; make sure by telephone before you drive there, and send those who maintain Vigie the lines “defect of Vigie” of the collector’s log, which name the school.
