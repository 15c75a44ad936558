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
soft-to-rules = À corriger et règles
soft-rules-title = Logiciels à corriger
soft-rules-version = Version { $n }
soft-rules-since = { $what } : { $at }, { $by }
soft-rules-done = Les règles de version { $n } sont en vigueur.
soft-rules-in-force = Règles
soft-rules-none = Aucune règle : rien n’est exigé ni interdit.
soft-rules-edit = Modifier les règles
soft-rules-text = Les règles, en JSON
soft-rules-hint = Une règle : "name", "program" (un * à la fin vaut n’importe quelle suite), et "demand" : "required", "forbidden" ou {"{"}"minimum": "140"{"}"}. Au choix : "source", "basin", "school", "kinds". "products" dit sous quels noms un produit des tables est installé.
soft-rules-go = Mettre en vigueur
soft-rules-supervisors = Seul un superviseur peut modifier les règles.
soft-column-todo = À corriger
soft-todo = { $n ->
    [0] Rien à corriger
    [one] { $n } chose à corriger à la prochaine visite
   *[other] { $n } choses à corriger à la prochaine visite
}
soft-todo-cut = Les { $n } premières sont montrées.
soft-tables = Fins de support et failles connues
soft-tables-lead = Ces tables s’importent de fichiers : le collecteur n’a pas besoin d’internet.
soft-holes = { $n ->
    [one] { $n } faille connue
   *[other] { $n } failles connues
}
rule-demand-required = { $program } doit être installé
rule-demand-forbidden = { $program } est interdit
rule-demand-minimum = { $program } au moins en version { $version }
machine-software-todo = Logiciels à corriger à la prochaine visite
found-software-missing = { $program } manque (règle { $by }).
found-software-forbidden = { $program } { $version } est interdit (règle { $by }).
found-software-too-old = { $program } { $version } : au moins { $wanted } est exigé (règle { $by }).
found-end-of-life = { $program } { $version } n’est plus suivi depuis le { $wanted } ({ $by }).
found-end-of-life-undated = { $program } { $version } n’est plus suivi ({ $by }).
found-vulnerable = { $program } { $version } a une faille connue, corrigée en { $wanted } ({ $by }).
found-vulnerable-undated = { $program } { $version } a une faille connue, sans correction annoncée ({ $by }).
kin-title = Postes inscrits une deuxième fois
kin-lead = Leur matériel est celui d’un poste déjà connu : réinstallé, changé de disque ou d’établissement. Rattachés, ils gardent l’historique et la fiche de l’ancien.
kin-column-former = Connu comme
kin-column-shared = Matériel commun
kin-when = Inscrit { $enrolled } ; l’ancien : { $heard }
kin-transfer = { $from } → { $to } (transfert)
kin-clone = Les deux donnent des nouvelles : ce sont deux postes, l’un copié de l’autre. Révoquez le mauvais.
kin-attach = C’est le même
kin-attach-named = { $name } est le même poste que { $former }
kin-detach = Séparer
kin-detach-named = Séparer { $name } de l’ancien poste
kin-decided-title = Rattachés
kin-decided = { $name } continue { $former } : { $at }, { $by }
kin-refused = Rien n’a été changé : l’ancien poste vient de donner des nouvelles, ou quelqu’un a été plus rapide. Relisez la liste.
kin-system-uuid = identifiant du système (UUID)
kin-board-serial = n° de série de la carte mère
kin-system-serial = n° de série du poste
kin-disk = disque
kin-mac = carte réseau
note-reattached = Rattaché au poste connu sous le nom { $name }, inscrit { $since }.
note-split = Séparé de l’ancien poste.
