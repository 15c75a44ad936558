# Tickets, incidents, histories
column-clock = Clock
column-ticket = Ticket
column-due = Due
ticket-open = Open
ticket-overdue = Overdue
ticket-resolved = Resolved
overdue-by = { $duration } overdue
took = restored in { $duration }
time-used = { $percent } % of the time is used
tickets-open-title = Open
tickets-resolved-title = Resolved lately
tickets-limit = Only the first { $n } tickets are shown.
ticket-title = Ticket no. { $n }
ticket-headline-open = To restore before { $due }: { $left } left.
ticket-headline-late = To restore before { $due }: { $left }.
ticket-headline-resolved = Restored { $end } ({ $left }).
ticket-opened = Opened
ticket-due = Due
ticket-restored = Service restored
ticket-resolved-at = Resolved
ticket-incidents = What is broken
ticket-no-incident = No incident.
ticket-history = Why this ticket, and what followed
ticket-why = Why this due time?
why-allowed = The agreement allows { $allowed } of business hours to restore. The clock starts at detection: { $opened }.
why-hours = Business hours run from Monday to Friday, 8:00 to 18:00 (Paris time), public holidays excepted.
why-day = { $day }: { $told }
why-due = So it is due { $due }.
incident-cause = Cause
incident-confidence = Confidence
incident-started = Start
incident-detected = Detected
incident-ended = End
incident-lasted = Duration
incident-witnesses = Witnesses
incident-machine = Machine
incident-on = On
incident-ongoing = ongoing
incident-history = Why, and what followed
between = between { $after } and { $by }
note-with = { $text } ({ $figures })
note-start-refined = The start is refined by measures that came since: between { $after } and { $by }. Others may refine it further.
note-resolved-by-check = The machine measures a good state again. { -relapse }
note-resolved-check-gone = What was measured no longer exists on the machine, or it left the fleet: there is nothing to be found any more.
note-late-evidence = Measures that arrived later were added
note-reopened = Reopened: the problem came back
note-joined = Another problem of the same origin joined this ticket
note-cause-refined = The cause is refined by what the witnesses measured: { $from } becomes { $to }. Other measures may refine it further.
note-opened-by-check = This machine measured: { $reason } ({ $state }). Rule: what concerns one machine only is believed on its measure. A good measure would change this.
figure-witnesses = witnesses
figure-machines = machines
figure-online = online
figure-last-seen = last news
figure-reason = reason
figure-state = state
figure-after = after
figure-by = by
figure-from = from
figure-to = to
figure-cause = cause
figure-machine = machine
figure-check = check
figure-instance = on
figure-ended = end
figure-started = start
seen-by = { $n ->
    [0] no witness
    [one] seen by { $n } machine
   *[other] seen by { $n } machines
}
tickets-headline = { $open ->
    [0] No open ticket.
    [one] { $open } open ticket{ $late ->
        [0] {""}, none overdue.
       *[other] {""}, { $late } overdue.
    }
   *[other] { $open } open tickets{ $late ->
        [0] {""}, none overdue.
       *[other] {""}, { $late } overdue.
    }
}
why-weekend = weekend, nothing counts
why-holiday = public holiday, nothing counts
why-closed = out of hours, nothing counts
note-ticket-opened = Ticket no. { $number } opened: { $check }{ $on }.
note-tightened = More pressing than when it was opened: { $check }{ $on }. Due now { $due }.
note-incident-joined = Another problem of the same origin joins this ticket: { $check }{ $on }.
figure-number = number
figure-section = section
figure-kind = kind
figure-seq = event number
figure-shared = facts in common
by-command-line = from the command line
