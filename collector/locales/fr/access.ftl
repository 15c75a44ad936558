# Connexion, quarantaine, erreurs
sign-in-title = Connexion
sign-in-lead = L’état de votre parc, établissement par établissement.
sign-in-login = Identifiant
sign-in-password = Mot de passe
sign-in-go = Se connecter
sign-in-wrong = Identifiant ou mot de passe incorrect. Après cinq essais, ce compte attend un quart d’heure.
sign-in-too-many = Trop d’essais pour ce compte. Attendez un quart d’heure, ou demandez un nouveau mot de passe à un superviseur.
sign-in-busy = Trop de connexions en même temps. Réessayez dans un instant.
sign-in-no-users = Aucun compte n’existe encore. Sur le serveur, créez le premier :
role-supervisor = superviseur
role-technician = technicien
quarantine-title = Quarantaine
quarantine-lead = Un poste inscrit depuis une adresse inattendue ne vote pas et n’ouvre pas de ticket tant que personne ne l’a approuvé.
quarantine-none = Aucun poste n’attend d’approbation.
quarantine-approve = Approuver
quarantine-approve-named = Approuver { $name }
quarantine-approve-all = { $n ->
    [one] Approuver ce poste
   *[other] Approuver les { $n } postes
}
quarantine-supervisors = Seul un superviseur peut approuver un poste.
quarantine-done = { $n ->
    [0] Aucun poste n’attendait plus d’approbation.
    [one] { $n } poste approuvé.
   *[other] { $n } postes approuvés.
}
quarantine-column-why = Pourquoi
quarantine-column-address = Adresse
quarantine-column-enrolled = Inscription
quarantine-column-school = Établissement du jeton
quarantine-column-action = Action
why-address-not-expected = adresse hors des réseaux connus de l’établissement
why-other-hardware = le matériel n’est pas celui qui s’était inscrit
why-no-network = l’établissement n’a aucun réseau déclaré
error-not-found = Cette page n’existe pas
error-not-found-advice = Le lien est ancien ou mal copié. Repartez de l’état du parc.
error-forbidden = Votre rôle ne permet pas cette action
error-forbidden-advice = Demandez à un superviseur de la faire.
error-sign-in-needed = Connectez-vous d’abord
error-sign-in-needed-advice = Votre session est finie ou n’a pas commencé.
error-form-expired = Ce formulaire n’est plus valable
error-form-expired-advice = La page était restée ouverte trop longtemps, ou vous vous êtes reconnecté. Rien n’a été changé : rouvrez la page et recommencez.
error-body-too-large = Ce formulaire est trop grand
error-body-too-large-advice = Rien n’a été changé. Raccourcissez ce que vous envoyez.
error-body-invalid = Ce formulaire n’a pas pu être lu
error-body-invalid-advice = Rien n’a été changé. Rouvrez la page et recommencez.
error-overloaded = Trop de demandes en même temps
error-overloaded-advice = Réessayez dans un instant.
error-internal = Le collecteur n’a pas pu répondre
error-internal-advice = La panne est notée dans son journal. Réessayez ; si cela dure, prévenez l’administrateur du service.
error-home = Aller à l’état du parc
