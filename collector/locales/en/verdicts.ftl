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
} since. Rule: while the other network speaks the line carries, and the fault is that of this network. One of its machines heard would change this.
note-opened-by-reports = { $witnesses ->
    [one] { $witnesses } machine online reports
   *[other] { $witnesses } machines online report
} the problem, of { $online }: { $reason }. Rule: at least two machines, and half of those heard. New good measures would change this.
note-opened-by-absence = The school is open since { $opened } and nobody came, although { $witnesses } machines always do; last news at { $last_seen }. Rule: three quarters of an hour after opening all regulars are missing, and no router answers. The first machine heard would change this; an exceptional closure belongs in the calendar.
note-opened-by-probe = { $lines ->
    [one] The school’s router does
   *[other] The school’s { $lines } routers do
} not answer the collector any more since { $last_seen }, and no machine is heard. Rule: a router that used to answer and is silent twice in a row means line or power. An answer of the router or a machine heard would change this.
note-opened-by-part-silence = { $witnesses } machines fell silent at one moment, last news at { $last_seen }, while { $others } others speak. Rooms: { $rooms }. Rule: at least four machines, all of their rooms, for ten minutes in the middle of opening hours, mean a switch or power. One of these machines heard would change this; their return will tell which of the two.
note-opened-by-quality = { $witnesses } machines of { $online } measure loss or delay behind the gateway. Rule: at least two, and half of those heard. This no longer holds once fewer than a quarter of them measure it.
note-opened-by-address = { $witnesses } machines of { $online } call from another address than usual: the school is on its back-up line. Rule: at least two, and half of those heard. Their return to the usual address would change this.
note-opened-by-server-silence = This server is silent in business hours, last news at { $last_seen }, and nothing larger explains it. Rule: a server speaks as long as its network is open. A word from it, a goodbye included, or a larger fault would change this.
note-opened-by-unseen = Nobody heard this machine for { $school_days } school days (last news at { $last_seen }). Rule: a machine that is off is no fault, but after that long it is to be looked for at the next visit. A single call of its own would change this.
note-opened-by-schools = { $schools } schools ({ $area }) were cut at one moment. Rule: at least three, and six of ten that were running, are one cause and one ticket. A school that is heard leaves it alone; once all are well again, this no longer holds.
note-opened-by-all-schools = { $schools } schools of several basins fell silent at one moment, and nobody is heard anywhere. Rule: what is silent everywhere at once is the collector’s line. One machine heard anywhere would change this.
note-resolved-by-return = { $machines ->
    [one] { $machines } machine came back
   *[other] { $machines } machines came back
} without complaint: service is restored. { -relapse }
note-resolved-by-probe = The school’s router answers again, and nobody complains: service is restored. { -relapse }
note-resolved-by-quality = Fewer than a quarter of the { $online } machines heard still measure a bad line: it is well again. { -relapse }
note-narrowed = The other network of the school is heard, and none of the { $witnesses } silent machines is back, the server included: the fault is that of their network. A machine of this network heard would change this.
note-resolved-by-calm = It has not come back since { $since }, long enough by the rules for what comes and goes: the fault is over. { -relapse }
note-resolved-by-schools = All its schools are well again. { -relapse }
note-resolved-heard-again = Heard again, and whoever is heard is not silent. { -relapse }
note-resolved-by-goodbye = Switched off on purpose: it said goodbye, so its silence is expected. { -relapse }
note-opened-by-own-report = This machine does not reach the internet (cause it names: { $reason }); nothing larger is known. Rule: one machine does not judge its school. A good measure of this machine, or the same complaint of another, would change this.
note-opened-by-own-reports = { $witnesses } machines saw one cause at one time: { $reason }. Rule: two that agree, and no more that were spared. Good measures of these machines would change this.
note-resolved-by-own-reports = The { $machines } machines that saw it reach the internet again. { -relapse }
note-came-back = The problem is back after it had ended (time { $times } within an hour). Rule: what comes back that soon is the same problem, without a new ticket. Its end will be believed only after a time of calm, told by the rules.
note-widened = The problem concerns the whole school ({ $witnesses } witnesses): same ticket. A network heard without complaint would change this.
figure-others = other machines
figure-rooms = rooms
figure-lines = lines
figure-opened = opening
figure-school-days = school days
figure-schools = schools
figure-area = basin
figure-times = times
note-who = Witnesses: { $who }{ $more ->
    [0] {""}
    [one] {" "}and one other
   *[other] {" "}and { $more } others
}.
note-measured = Measured: { $figures }.
-relapse = If it comes back soon, it is the same problem that goes on.
