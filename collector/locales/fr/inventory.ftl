# Historique des postes, fiche remplie à la main, recensement, logiciels du parc
history-title = Ce qui a changé
history-none = Aucun changement depuis la première lecture complète.
history-more = { $n ->
    [one] { $n } autre changement
   *[other] { $n } autres changements
}
history-beside = { $n ->
    [one] { $n } autre changement dans : { $section }
   *[other] { $n } autres changements dans : { $section }
}
history-from-to = { $what } : { $before } → { $after }
history-about = { $what } : { $item }
history-nothing = rien
history-no = non
change-added = Ajout
change-removed = Retrait
change-replaced = Remplacement
change-changed = Changement
change-more = Et encore
thing-disks = Disque
thing-modules = Barrette
thing-packages = Logiciel
thing-interfaces = Carte réseau
thing-volumes = Volume
thing-processors = Processeur
thing-monitors = Écran
thing-printers = Imprimante
thing-batteries = Batterie
field-total-bytes = Mémoire utilisable
field-size-bytes = Taille
field-bios-version = Version du BIOS
field-bios-vendor = Éditeur du BIOS
field-bios-date = Date du BIOS
field-board-product = Modèle de la carte mère
field-board-serial = N° de série de la carte mère
field-chassis-serial = N° de série du boîtier
field-chassis-asset-tag = Étiquette d’inventaire
field-mount-point = Point de montage
field-full-name = Système
field-name = Nom
field-room = Salle
field-inventory-number = N° d’inventaire
field-warranty-end = Fin de garantie
field-state = État
field-note = Note
field-seen = Vu sur place
note-memory-vanished = La mémoire est passée de { $before } à { $after } Gio : barrette retirée ou en panne ?
note-module-gone = Une barrette de mémoire a disparu ({ $what }).
note-disk-gone = Un disque a disparu ({ $what }).
hand-title = Fiche du poste
hand-lead = Ce que vous écrivez ici n’est jamais remplacé par ce que le poste envoie.
hand-empty = Rien n’a encore été écrit.
hand-edit = Modifier la fiche
hand-save = Enregistrer
hand-room = Salle
hand-number = N° d’inventaire
hand-state = État
hand-warranty = Garantie
hand-warranty-field = Fin de garantie
hand-warranty-until = jusqu’au { $date }
hand-warranty-over = terminée depuis le { $date }
hand-note = Note
hand-seen = Vu sur place
hand-seen-by = { $at }, par { $by }
hand-seen-by-in = { $at }, par { $by }, salle { $room }
hand-changed = Modifiée { $at }, par { $by }
hand-now = Ce qui est écrit maintenant :
hand-problem-room = Rien n’a été changé : le nom de la salle tient en 60 caractères, sur une ligne.
hand-problem-number = Rien n’a été changé : le n° d’inventaire tient en 60 caractères, sur une ligne.
hand-problem-note = Rien n’a été changé : la note tient en 2000 caractères.
hand-problem-date = Rien n’a été changé : la fin de garantie est une date, comme 2027-08-31.
hand-problem-state = Rien n’a été changé : choisissez un état.
hand-problem-outdated = Rien n’a été changé : quelqu’un d’autre a modifié cette fiche entre-temps. Comparez, puis enregistrez de nouveau si c’est toujours juste.
life-in-service = en service
life-in-stock = en stock
life-retired = réformé
life-stolen = volé
nav-stock = Recensement
stock-title = Recensement
stock-lead = Lisez ou tapez l’étiquette d’un poste : Vigie dit lequel c’est, et note que vous l’avez vu aujourd’hui.
stock-label = Étiquette
stock-label-hint = N° d’inventaire ou n° de série. Une douchette tape le numéro et valide toute seule.
stock-in-room = Salle où vous êtes
stock-in-room-hint = Elle reste remplie d’une étiquette à l’autre. Vide : la salle du poste ne change pas.
stock-go = Noter comme vu
stock-none = Aucun poste ne porte « { $label } ». Vérifiez l’étiquette, ou écrivez ce numéro dans la fiche du poste.
stock-several = « { $label } » est porté par { $n } postes : choisissez celui que vous avez devant vous.
stock-too-many = « { $label } » est porté par trop de postes : ce n’est pas un numéro qui distingue. Prenez le n° d’inventaire.
stock-room = Salle { $room }
stock-moved = Salle { $room }, avant : { $before }
stock-no-room = aucune salle
stock-room-unknown = Sa salle n’est pas connue.
stock-state = Attention : ce poste est noté « { $state } ».
stock-may-not = Seul un technicien ou un superviseur peut recenser.
stock-by-inventory-number = par son n° d’inventaire
stock-by-serial = par son n° de série
stock-by-chassis-serial = par le n° de série de son boîtier
stock-by-asset-tag = par son étiquette électronique
stock-by-board-serial = par le n° de série de sa carte mère
nav-software = Logiciels
soft-title = Logiciels du parc
soft-headline = { $n ->
    [one] { $n } logiciel
   *[other] { $n } logiciels
} sur { $machines ->
    [one] { $machines } poste dont la liste est connue.
   *[other] { $machines } postes dont la liste est connue.
}
soft-find = Nom ou éditeur
soft-basin = Bassin
soft-all-basins = Tous les bassins
soft-school = Établissement
soft-all-schools = Tous les établissements
soft-late-only = Seulement ceux en retard
soft-go = Filtrer
soft-none = Aucun logiciel ne correspond.
soft-column-newest = Plus récent vu
soft-column-machines = Postes
soft-column-late = En retard
soft-late = { $n ->
    [one] { $n } poste en retard
   *[other] { $n } postes en retard
}
soft-late-title = { $n ->
    [one] { $n } poste en retard
   *[other] { $n } postes en retard
}
soft-late-cut = Les { $n } premiers sont montrés : choisissez un bassin ou un établissement.
soft-nobody-late = Tous ont la version la plus récente vue dans le parc.
soft-newest = la plus récente vue
soft-versions = Versions
soft-back = Tous les logiciels
soft-list-cut = Les { $n } premiers sont montrés : cherchez un nom.
soft-fleet-cut = Le parc est plus grand : seuls { $n } postes sont comptés. Choisissez un bassin ou un établissement.
export-title = Exporter
export-lead = Tout le parc, ou le bassin et l’établissement choisis ci-dessus.
export-machines = Postes avec leur fiche :
export-software = Logiciels avec leurs versions :
