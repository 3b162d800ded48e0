"""Sentences that say what all texts have in common to a model: their mean is taken out of every vector.

Vectors of most models lie in a narrow cone, each in its own (Mu and Viswanath 2018, All-but-the-Top): without their
common part, one distance means the same in all of them. The sentences are the product's, so that the mean is the same
whatever a tenant has, and known before any text of it is sent.
"""

BACKGROUND = (
    "My parcel has not arrived yet and the tracking has not moved for a week.",
    "The invoice shows an amount that we never agreed on.",
    "How do I change the address of our company?",
    "The app closes by itself as soon as I open a photo.",
    "We cannot log in since this morning; the password is refused.",
    "Thank you, that solved it.",
    "Please cancel my subscription at the end of the month.",
    "The export stops half way and gives an empty file.",
    "Could you add a dark mode to the dashboard?",
    "The charger that came with the lamp does not fit.",
    "Is there a discount for schools?",
    "The server answers slowly and some requests time out.",
    "I was charged twice for the same order.",
    "The table arrived with a broken leg.",
    "Who do I speak to about a new contract?",
    "The meeting on Thursday has to be moved.",
    "Disk almost full on the backup machine.",
    "The deployment failed and was rolled back.",
    "Someone tried to sign in to my account from abroad.",
    "The colours on the printed brochure are wrong.",
    "Das Paket ist noch nicht angekommen.",
    "Die Rechnung ist falsch, bitte korrigieren Sie sie.",
    "Ich kann mich seit heute nicht mehr anmelden.",
    "Die App stürzt beim Öffnen ab.",
    "Wie kann ich mein Passwort ändern?",
    "Vielen Dank für die schnelle Hilfe!",
    "Bitte kündigen Sie meinen Vertrag.",
    "Der Bericht lässt sich nicht herunterladen.",
    "El paquete todavía no ha llegado.",
    "La factura tiene un error, por favor corríjanla.",
    "No puedo entrar en mi cuenta desde esta mañana.",
    "La aplicación se cierra sola.",
    "¿Cómo cambio mi contraseña?",
    "Gracias por la ayuda.",
    "Quiero cancelar mi suscripción.",
    "El informe no se puede descargar.",
)
