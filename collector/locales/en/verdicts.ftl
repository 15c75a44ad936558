# Verdicts: causes, subjects, and why each is believed: who saw what, by which rule, what would change it.
problem-local-network = Part of the school is cut off
problem-line-quality = Degraded line
problem-backup-line = On its back-up line
problem-machine-internet = Machine without internet
problem-server-silent = Silent server
problem-unseen = Machine not seen
cause-undetermined = cause undetermined
cause-power = power cut
cause-switch = switch
cause-pedagogical-network = pedagogical network
cause-administrative-network = administrative network
cause-dns = name server
cause-dns-lying = name server that lies (block page)
cause-proxy = proxy or filter
cause-portal = captive portal or block page
cause-tls-interception = TLS interception
cause-dhcp = DHCP
cause-line = operator line
cause-degraded-line = degraded line
cause-backup-line = back-up line
cause-blocked-by-name = Vigie blocked by name
cause-collector = collector out of reach
cause-machine = the machine itself
cause-switch-or-power = switch or power
cause-school-network = network of the school
cause-interception = interception (portal or filter)
note-opened-by-silence = { $witnesses ->
    [one] { $witnesses } machine fell silent
   *[other] { $witnesses } machines fell silent
} together without goodbye; last news of the school at { $last_seen }. Rule: nobody is heard any more, and all whose turn came next are silent. One machine heard without complaint would change this.
note-opened-by-network-silence = { $witnesses ->
    [one] { $witnesses } machine of this network fell silent
   *[other] { $witnesses } machines of this network fell silent
} together; last news at { $last_seen }. { $others ->
    [one] { $others } machine of the other network has spoken
   *[other] { $others } machines of the other network have spoken
} since: the line carries, this network does not. A machine of this network heard would change this.
note-opened-by-reports = { $witnesses ->
    [one] { $witnesses } machine online reports
   *[other] { $witnesses } machines online report
} the problem, of { $online }: { $reason }. Rule: at least two machines, and half of those heard. New good measures would change this.
note-opened-by-absence = The school is open since { $opened } and nobody came, although { $witnesses } machines always do; last news at { $last_seen }. The first machine heard would change this; an exceptional closure belongs in the calendar.
note-opened-by-probe = { $lines ->
    [one] The school’s router does
   *[other] The school’s { $lines } routers do
} not answer the collector any more since { $last_seen }, and no machine is heard: line or power. An answer of the router or a machine heard would change this.
note-opened-by-part-silence = { $witnesses } machines fell silent at one moment, last news at { $last_seen }, while { $others } others speak. Rooms: { $rooms }. A switch, or the power of a room; their return will tell which.
note-opened-by-quality = { $witnesses } machines of { $online } measure loss or delay behind the gateway. Rule: at least two, and half of those heard.
note-opened-by-address = { $witnesses } machines of { $online } call from another address than usual: the school is on its back-up line.
note-opened-by-server-silence = This server is silent in business hours, last news at { $last_seen }, and nothing larger explains it.
note-opened-by-unseen = Nobody heard this machine for { $school_days } school days (last news at { $last_seen }): to be looked for at the next visit.
note-opened-by-schools = { $schools } schools ({ $area }) were cut at one moment: one cause, one ticket. A school that is heard leaves it alone.
note-opened-by-all-schools = { $schools } schools of several basins fell silent at one moment, and nobody is heard: it is the collector’s line.
note-resolved-by-return = { $machines ->
    [one] { $machines } machine came back
   *[other] { $machines } machines came back
}: service is restored.
note-resolved-by-probe = The school’s router answers again.
note-resolved-by-quality = The { $online } machines heard measure a good line again.
note-narrowed = The other network of the school is heard, and none of the { $witnesses } silent machines is back, the server included: the fault is that of their network.
note-resolved-by-calm = It has not come back since { $since }: the fault is over.
note-resolved-by-schools = All its schools are well again.
note-resolved-heard-again = Heard again.
note-resolved-by-goodbye = Switched off on purpose: it said goodbye.
note-opened-by-own-report = This machine does not reach the internet (cause it names: { $reason }); nothing larger is known. Rule: one machine does not judge its school.
note-opened-by-own-reports = { $witnesses } machines saw one cause at one time: { $reason }. Rule: two that agree, and no more that were spared.
note-resolved-by-own-reports = The { $machines } machines that saw it reach the internet again.
note-came-back = The problem is back after it had ended (time { $times } within an hour): it goes on, without a new ticket.
note-widened = The problem concerns the whole school ({ $witnesses } witnesses): same ticket.
figure-others = other machines
figure-rooms = rooms
figure-lines = lines
figure-opened = opening
figure-school-days = school days
figure-schools = schools
figure-area = basin
figure-times = times
