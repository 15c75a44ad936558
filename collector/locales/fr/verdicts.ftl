# Verdicts: causes, subjects, and why each is believed: who saw what, by which rule, what would change it.
problem-local-network = Une partie de l’établissement est coupée
problem-line-quality = Ligne dégradée
problem-backup-line = Sur ligne de secours
problem-machine-internet = Poste sans internet
problem-server-silent = Serveur muet
problem-unseen = Poste introuvable
cause-undetermined = cause indéterminée
cause-power = coupure de courant
cause-switch = commutateur
cause-pedagogical-network = réseau pédagogique
cause-administrative-network = réseau administratif
cause-dns = serveur de noms
cause-dns-lying = serveur de noms qui ment (page de blocage)
cause-proxy = proxy ou filtre
cause-portal = portail captif ou page de blocage
cause-tls-interception = interception TLS
cause-dhcp = DHCP
cause-line = ligne opérateur
cause-degraded-line = ligne dégradée
cause-backup-line = ligne de secours
cause-blocked-by-name = Vigie bloqué par son nom
cause-collector = collecteur hors d’atteinte
cause-machine = le poste lui-même
cause-switch-or-power = commutateur ou courant
cause-school-network = réseau de l’établissement
cause-interception = interception (portail ou filtre)
note-opened-by-silence = { $witnesses ->
    [one] { $witnesses } poste s’est tu
   *[other] { $witnesses } postes se sont tus
} ensemble et sans adieu ; dernières nouvelles de l’établissement à { $last_seen }. Règle : plus personne n’est entendu, et ceux qui devaient parler ensuite se taisent tous. Un seul poste entendu sans plainte changerait ce constat.
note-opened-by-network-silence = { $witnesses ->
    [one] { $witnesses } poste de ce réseau s’est tu
   *[other] { $witnesses } postes de ce réseau se sont tus
} ensemble ; dernières nouvelles à { $last_seen }. { $others ->
    [one] { $others } poste de l’autre réseau a parlé
   *[other] { $others } postes de l’autre réseau ont parlé
} depuis. Règle : tant que l’autre réseau parle, la ligne porte, et la panne est celle de ce réseau. Un de ses postes entendu changerait ce constat.
note-opened-by-reports = { $witnesses ->
    [one] { $witnesses } poste en ligne signale
   *[other] { $witnesses } postes en ligne signalent
} la panne, sur { $online } : { $reason }. Règle : deux postes au moins, et la moitié de ceux qui sont entendus. De nouvelles mesures bonnes changeraient ce constat.
note-opened-by-absence = L’établissement est ouvert depuis { $opened } et personne n’est venu, alors que { $witnesses } postes viennent toujours ; dernières nouvelles à { $last_seen }. Règle : trois quarts d’heure après l’ouverture, les habitués manquent tous, et aucun routeur ne répond. Le premier poste entendu changerait ce constat ; une fermeture exceptionnelle se note au calendrier.
note-opened-by-probe = { $lines ->
    [one] Le routeur de l’établissement ne répond
   *[other] Les { $lines } routeurs de l’établissement ne répondent
} plus au collecteur depuis { $last_seen }, et aucun poste n’est entendu. Règle : un routeur qui a déjà répondu et se tait deux fois de suite, c’est la ligne ou le courant. Une réponse du routeur ou un poste entendu changerait ce constat.
note-opened-by-part-silence = { $witnesses } postes se sont tus au même moment, dernières nouvelles à { $last_seen }, pendant que { $others } autres parlent. Salles : { $rooms }. Règle : au moins quatre postes, tous ceux de leurs salles, depuis dix minutes en pleine ouverture, c’est un commutateur ou le courant. Un de ces postes entendu changerait ce constat ; leur retour dira lequel des deux.
note-opened-by-quality = { $witnesses } postes sur { $online } mesurent des pertes ou des lenteurs derrière la passerelle. Règle : deux au moins, et la moitié de ceux qui sont entendus. Ce constat tombe quand moins d’un quart d’entre eux en mesure encore.
note-opened-by-address = { $witnesses } postes sur { $online } appellent d’une autre adresse que d’habitude : l’établissement est sur sa ligne de secours. Règle : deux au moins, et la moitié de ceux qui sont entendus. Leur retour à l’adresse habituelle changerait ce constat.
note-opened-by-server-silence = Ce serveur se tait pendant les heures ouvrées, dernières nouvelles à { $last_seen }, et rien de plus large ne l’explique. Règle : un serveur parle tant que son réseau est ouvert. Un mot de lui, adieu compris, ou une panne plus large changerait ce constat.
note-opened-by-unseen = Personne n’a entendu ce poste depuis { $school_days } jours de classe (dernières nouvelles à { $last_seen }). Règle : un poste éteint n’est pas une panne, mais après tant de jours il est à chercher à la prochaine visite. Un seul appel de sa part changerait ce constat.
note-opened-by-schools = { $schools } établissements ({ $area }) sont coupés au même moment. Règle : trois au moins, et six sur dix de ceux qui étaient en marche, c’est une seule cause et un seul ticket. Un établissement entendu en sort seul ; quand tous sont rétablis, ce constat tombe.
note-opened-by-all-schools = { $schools } établissements de plusieurs bassins se sont tus au même moment, et plus personne n’est entendu nulle part. Règle : ce qui se tait partout à la fois est la ligne du collecteur. Un seul poste entendu où que ce soit changerait ce constat.
note-resolved-by-return = { $machines ->
    [one] { $machines } poste est revenu
   *[other] { $machines } postes sont revenus
} sans plainte : le service est rétabli. { -rechute }
note-resolved-by-probe = Le routeur de l’établissement répond de nouveau, et personne ne se plaint : le service est rétabli. { -rechute }
note-resolved-by-quality = Moins d’un quart des { $online } postes entendus mesure encore une mauvaise ligne : elle va bien. { -rechute }
note-narrowed = L’autre réseau de l’établissement est entendu, et aucun des { $witnesses } postes tus n’est revenu, serveur compris : la panne est celle de leur réseau. Un poste de ce réseau entendu changerait ce constat.
note-resolved-by-calm = Plus de rechute depuis { $since }, assez longtemps d’après les règles pour ce qui va et vient : la panne est finie. { -rechute }
note-resolved-by-schools = Tous ses établissements sont rétablis. { -rechute }
note-resolved-heard-again = De nouveau entendu, et qui est entendu n’est plus muet. { -rechute }
note-resolved-by-goodbye = Arrêté exprès : il a dit adieu, son silence est donc attendu. { -rechute }
note-opened-by-own-report = Ce poste ne joint pas internet (cause qu’il nomme : { $reason }) ; rien de plus large n’est connu. Règle : un seul poste ne juge pas son établissement. Une bonne mesure de ce poste, ou la même plainte d’un autre, changerait ce constat.
note-opened-by-own-reports = { $witnesses } postes ont vu la même cause au même moment : { $reason }. Règle : deux postes qui s’accordent, et pas plus de postes épargnés. De bonnes mesures de ces postes changeraient ce constat.
note-resolved-by-own-reports = Les { $machines } postes qui l’ont vue joignent de nouveau internet. { -rechute }
note-came-back = La panne revient après s’être arrêtée ({ $times }ᵉ fois en une heure). Règle : ce qui revient si vite est la même panne, sans nouveau ticket. Sa fin ne sera crue qu’après un temps de calme, dit dans les règles.
note-widened = La panne touche tout l’établissement ({ $witnesses } témoins) : même ticket. Un réseau entendu sans plainte changerait ce constat.
figure-others = autres postes
figure-rooms = salles
figure-lines = lignes
figure-opened = ouverture
figure-school-days = jours de classe
figure-schools = établissements
figure-area = bassin
figure-times = fois
note-who = Témoins : { $who }{ $more ->
    [0] {""}
    [one] {" "}et un autre
   *[other] {" "}et { $more } autres
}.
note-measured = Mesuré : { $figures }.
-rechute = Si la panne revient bientôt, c’est elle qui continue.
