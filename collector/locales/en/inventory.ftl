# History of machines, what people write about them, stock-taking, software of the fleet
history-title = What changed
history-none = Nothing has changed since the first complete reading.
history-more = { $n ->
    [one] { $n } more change
   *[other] { $n } more changes
}
history-beside = { $n ->
    [one] { $n } more change in: { $section }
   *[other] { $n } more changes in: { $section }
}
history-from-to = { $what }: { $before } → { $after }
history-about = { $what }: { $item }
history-nothing = nothing
history-no = no
change-added = Added
change-removed = Removed
change-replaced = Replaced
change-changed = Changed
change-more = And more
thing-disks = Disk
thing-modules = Memory module
thing-packages = Software
thing-interfaces = Network card
thing-volumes = Volume
thing-processors = Processor
thing-monitors = Screen
thing-printers = Printer
thing-batteries = Battery
field-total-bytes = Usable memory
field-size-bytes = Size
field-bios-version = BIOS version
field-bios-vendor = BIOS vendor
field-bios-date = BIOS date
field-board-product = Main board model
field-board-serial = Main board serial number
field-chassis-serial = Case serial number
field-chassis-asset-tag = Asset tag
field-mount-point = Mount point
field-full-name = System
field-name = Name
field-room = Room
field-inventory-number = Inventory number
field-warranty-end = End of warranty
field-state = State
field-note = Note
field-seen = Seen on site
note-memory-vanished = Memory went from { $before } to { $after } GiB: a module taken out or broken?
note-module-gone = A memory module is gone ({ $what }).
note-disk-gone = A disk is gone ({ $what }).
hand-title = Record
hand-lead = What you write here is never replaced by what the machine sends.
hand-empty = Nothing has been written yet.
hand-edit = Edit the record
hand-save = Save
hand-room = Room
hand-number = Inventory number
hand-state = State
hand-warranty = Warranty
hand-warranty-field = End of warranty
hand-warranty-until = until { $date }
hand-warranty-over = over since { $date }
hand-note = Note
hand-seen = Seen on site
hand-seen-by = { $at }, by { $by }
hand-seen-by-in = { $at }, by { $by }, room { $room }
hand-changed = Changed { $at }, by { $by }
hand-now = What is written now:
hand-problem-room = Nothing was changed: the name of the room takes at most 60 characters, on one line.
hand-problem-number = Nothing was changed: the inventory number takes at most 60 characters, on one line.
hand-problem-note = Nothing was changed: the note takes at most 2000 characters.
hand-problem-date = Nothing was changed: the end of warranty is a date such as 2027-08-31.
hand-problem-state = Nothing was changed: choose a state.
hand-problem-outdated = Nothing was changed: somebody else edited this record in the meantime. Compare, then save again if it is still right.
life-in-service = in service
life-in-stock = in stock
life-retired = retired
life-stolen = stolen
nav-stock = Stock-taking
stock-title = Stock-taking
stock-lead = Scan or type the label of a machine: Vigie says which one it is, and notes that you saw it today.
stock-label = Label
stock-label-hint = Inventory number or serial number. A scanner types the number and sends it by itself.
stock-in-room = Room you are in
stock-in-room-hint = It stays filled in from one label to the next. Empty: the room of the machine does not change.
stock-go = Note as seen
stock-none = No machine bears “{ $label }”. Check the label, or write this number into the record of the machine.
stock-several = “{ $label }” is on { $n } machines: choose the one in front of you.
stock-too-many = “{ $label }” is on too many machines: this number tells nothing apart. Take the inventory number.
stock-room = Room { $room }
stock-moved = Room { $room }, before: { $before }
stock-no-room = no room
stock-room-unknown = Its room is not known.
stock-state = Mind: this machine is noted as “{ $state }”.
stock-may-not = Only a technician or a supervisor may take stock.
stock-by-inventory-number = by its inventory number
stock-by-serial = by its serial number
stock-by-chassis-serial = by the serial number of its case
stock-by-asset-tag = by its electronic asset tag
stock-by-board-serial = by the serial number of its main board
nav-software = Software
soft-title = Software of the fleet
soft-headline = { $n ->
    [one] { $n } program
   *[other] { $n } programs
} on { $machines ->
    [one] { $machines } machine whose list is known.
   *[other] { $machines } machines whose list is known.
}
soft-find = Name or publisher
soft-basin = Basin
soft-all-basins = All basins
soft-school = School
soft-all-schools = All schools
soft-late-only = Only those that lag
soft-go = Filter
soft-none = No program fits.
soft-column-newest = Newest seen
soft-column-machines = Machines
soft-column-late = Lagging
soft-late = { $n ->
    [one] { $n } machine lags
   *[other] { $n } machines lag
}
soft-late-title = { $n ->
    [one] { $n } machine lags
   *[other] { $n } machines lag
}
soft-late-cut = The first { $n } are shown: choose a basin or a school.
soft-nobody-late = All have the newest version seen in the fleet.
soft-newest = newest seen
soft-versions = Versions
soft-back = All software
soft-list-cut = The first { $n } are shown: look for a name.
soft-fleet-cut = The fleet is larger: only { $n } machines are counted. Choose a basin or a school.
export-title = Export
export-lead = The whole fleet, or the basin and school chosen above.
export-machines = Machines with their records:
export-software = Software with its versions:
soft-to-rules = To put right, and rules
soft-rules-title = Software to put right
soft-rules-version = Version { $n }
soft-rules-since = { $what }: { $at }, { $by }
soft-rules-done = The rules of version { $n } are in force.
soft-rules-in-force = Rules
soft-rules-none = No rule: nothing is demanded or forbidden.
soft-rules-edit = Change the rules
soft-rules-text = The rules, as JSON
soft-rules-hint = A rule: "name", "program" (a * at the end stands for any end), and "demand": "required", "forbidden" or {"{"}"minimum": "140"{"}"}. As you like: "source", "basin", "school", "kinds". "products" says under which names a product of the tables is installed.
soft-rules-go = Put in force
soft-rules-supervisors = Only a supervisor may change the rules.
soft-column-todo = To put right
soft-todo = { $n ->
    [0] Nothing to put right
    [one] { $n } thing to put right at the next visit
   *[other] { $n } things to put right at the next visit
}
soft-todo-cut = The first { $n } are shown.
soft-tables = Ends of support and known vulnerabilities
soft-tables-lead = These tables are brought in from files: the collector needs no internet.
soft-holes = { $n ->
    [one] { $n } known vulnerability
   *[other] { $n } known vulnerabilities
}
rule-demand-required = { $program } must be installed
rule-demand-forbidden = { $program } is forbidden
rule-demand-minimum = { $program } at least in version { $version }
machine-software-todo = Software to put right at the next visit
found-software-missing = { $program } is missing (rule { $by }).
found-software-forbidden = { $program } { $version } is forbidden (rule { $by }).
found-software-too-old = { $program } { $version }: at least { $wanted } is demanded (rule { $by }).
found-end-of-life = { $program } { $version } has been out of support since { $wanted } ({ $by }).
found-end-of-life-undated = { $program } { $version } is out of support ({ $by }).
found-vulnerable = { $program } { $version } has a known vulnerability, mended in { $wanted } ({ $by }).
found-vulnerable-undated = { $program } { $version } has a known vulnerability, with no remedy told ({ $by }).
kin-title = Machines that enrolled a second time
kin-lead = Their hardware is that of a machine that is known: installed anew, with another disk or in another school. Attached, they keep the history and the record of the former one.
kin-column-former = Known as
kin-column-shared = Hardware in common
kin-when = Enrolled { $enrolled }; the former one: { $heard }
kin-transfer = { $from } → { $to } (transfer)
kin-clone = Both are heard: these are two machines, one copied from the other. Revoke the wrong one.
kin-attach = It is the same
kin-attach-named = { $name } is the same machine as { $former }
kin-detach = Split
kin-detach-named = Split { $name } from the former machine
kin-decided-title = Attached
kin-decided = { $name } continues { $former }: { $at }, { $by }
kin-refused = Nothing was changed: the former machine has just been heard, or somebody was quicker. Read the list again.
kin-system-uuid = system identifier (UUID)
kin-board-serial = main board serial number
kin-system-serial = machine serial number
kin-disk = disk
kin-mac = network card
note-reattached = Attached to the machine known as { $name }, enrolled { $since }.
note-split = Split from the former machine.
