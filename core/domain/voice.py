"""Calls to our number: who rings, what they leave, and what is said to them in their language."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

# What stands for the address of who withholds their number: each call is a person of its own, whom nobody can text.
WITHHELD = "withheld:"
OPT_OUT_KEY = "9"
LONGEST_MESSAGE_S = 120
_LONGEST_NAME = 200
_is_number = re.compile(r"\+[1-9][0-9]{6,14}").fullmatch
_KEYS = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "22233344455566677778889999")
# Some carriers dial such a word where a number should stand.
_SPELLED = frozenset(
    f"+{word.translate(_KEYS)}" for word in ("ANONYMOUS", "RESTRICTED", "BLOCKED", "UNKNOWN", "UNAVAILABLE", "PRIVATE")
)


@dataclass(frozen=True, slots=True)
class Ring:
    """A call to `number`, one of ours. `caller`: E.164, or empty when it is withheld."""

    sid: str
    caller: str
    number: str


@dataclass(frozen=True, slots=True)
class Recording:
    """A message that was left in a call. `url`: where the provider keeps it; `seconds`: how long it is."""

    sid: str
    call_sid: str
    url: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Words:
    """What is said in one language. `language`: as Twilio's voices name it; {organization} stands for our name."""

    language: str
    greeting: str
    greeting_unnamed: str
    how_to_stop: str
    withheld: str
    after_the_tone: str
    stopped: str
    unsaved: str
    thanks: str
    silence: str
    closed: str

    def greet(self, organization: str) -> str:
        """Say who we are, or, where we have no name, what they have called."""
        if not organization:
            return self.greeting_unnamed
        return self.greeting.replace("{organization}", organization[:_LONGEST_NAME])


def caller(told: str) -> str:
    """Return the number that a call is from; nothing when it is withheld, or isn't one that can be texted."""
    number = told.strip()
    return number if _is_number(number) and number not in _SPELLED else ""


def is_withheld(address: str) -> bool:
    """Tell whether an address stands for somebody who withheld their number."""
    return address.startswith(WITHHELD)


def words(language: str) -> Words:
    """Return what is said to somebody of this language ("es", "es-MX", "Spanish"); English where we have no words."""
    named = language.strip().lower()
    return _WORDS.get(_NAMES.get(named, named[:2] if len(named) == 2 or named[2:3] in ("-", "_") else ""), _ENGLISH)


_ENGLISH = Words(
    language="en-US",
    greeting="Hello. This is {organization}.",
    greeting_unnamed="Hello. This is the number that texted you.",
    how_to_stop="To get no more texts from us, press 9 now.",
    withheld="Your number is withheld, so we can't stop texts to it from here. "
    "To get no more texts from us, text the word STOP to this number, or call again and show your number.",
    after_the_tone="To leave a message, speak after the tone, for up to two minutes. "
    "It is recorded, and a person will listen to it. When you are done, hang up.",
    stopped="Done. You get no more texts from us. Goodbye.",
    unsaved="We are sorry: this could not be saved just now, so you may still get texts from us. "
    "Please text the word STOP to this number, or call again in a few minutes. Goodbye.",
    thanks="Thank you. We have your message. Goodbye.",
    silence="We heard nothing. Goodbye.",
    closed="We take no calls at this number. To get no more texts from us, text the word STOP to it. Goodbye.",
)
_WORDS: Mapping[str, Words] = MappingProxyType(
    {
        "en": _ENGLISH,
        "es": Words(
            language="es-MX",
            greeting="Hola. Habla {organization}.",
            greeting_unnamed="Hola. Este es el número que le envió mensajes de texto.",
            how_to_stop="Para no recibir más mensajes de texto nuestros, oprima 9 ahora.",
            withheld="Su número está oculto, así que no podemos detener los mensajes desde aquí. "
            "Para no recibir más, envíe la palabra STOP a este número, o llame otra vez sin ocultar su número.",
            after_the_tone="Para dejar un mensaje, hable después del tono, hasta dos minutos. "
            "Se graba, y una persona lo escuchará. Cuando termine, cuelgue.",
            stopped="Listo. Ya no recibirá más mensajes de texto nuestros. Adiós.",
            unsaved="Lo sentimos: no pudimos guardarlo en este momento, y es posible que todavía reciba mensajes. "
            "Envíe la palabra STOP a este número, o llame otra vez en unos minutos. Adiós.",
            thanks="Gracias. Tenemos su mensaje. Adiós.",
            silence="No oímos nada. Adiós.",
            closed="No recibimos llamadas en este número. Para no recibir más mensajes de texto, "
            "envíe la palabra STOP a este número. Adiós.",
        ),
        "fr": Words(
            language="fr-FR",
            greeting="Bonjour. Ici {organization}.",
            greeting_unnamed="Bonjour. C'est le numéro qui vous a envoyé des messages.",
            how_to_stop="Pour ne plus recevoir nos messages, appuyez maintenant sur le 9.",
            withheld="Votre numéro est masqué, nous ne pouvons donc pas arrêter les messages d'ici. "
            "Pour ne plus en recevoir, envoyez le mot STOP à ce numéro, ou rappelez sans masquer votre numéro.",
            after_the_tone="Pour laisser un message, parlez après le bip, deux minutes au plus. "
            "Il est enregistré, et une personne l'écoutera. Quand vous avez fini, raccrochez.",
            stopped="C'est fait. Vous ne recevrez plus nos messages. Au revoir.",
            unsaved="Désolés : cela n'a pas pu être enregistré, et vous pourriez encore recevoir des messages. "
            "Envoyez le mot STOP à ce numéro, ou rappelez dans quelques minutes. Au revoir.",
            thanks="Merci. Nous avons votre message. Au revoir.",
            silence="Nous n'avons rien entendu. Au revoir.",
            closed="Nous ne prenons pas d'appels à ce numéro. Pour ne plus recevoir nos messages, "
            "envoyez-lui le mot STOP. Au revoir.",
        ),
        "pt": Words(
            language="pt-BR",
            greeting="Olá. Aqui é {organization}.",
            greeting_unnamed="Olá. Este é o número que lhe enviou mensagens.",
            how_to_stop="Para não receber mais as nossas mensagens, pressione 9 agora.",
            withheld="O seu número está oculto, por isso não podemos parar as mensagens daqui. "
            "Para não receber mais, envie a palavra STOP a este número, ou ligue de novo mostrando o seu número.",
            after_the_tone="Para deixar um recado, fale depois do sinal, por até dois minutos. "
            "Ele é gravado, e uma pessoa vai ouvi-lo. Quando terminar, desligue.",
            stopped="Pronto. Você não receberá mais as nossas mensagens. Até logo.",
            unsaved="Desculpe: não foi possível salvar agora, e você ainda pode receber mensagens. "
            "Envie a palavra STOP a este número, ou ligue de novo em alguns minutos. Até logo.",
            thanks="Obrigado. Recebemos o seu recado. Até logo.",
            silence="Não ouvimos nada. Até logo.",
            closed="Não atendemos chamadas neste número. Para não receber mais as nossas mensagens, "
            "envie a palavra STOP a ele. Até logo.",
        ),
    }
)
_NAMES: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("english", "inglés", "ingles"), "en"),
        **dict.fromkeys(("spanish", "español", "espanol", "castellano"), "es"),
        **dict.fromkeys(("french", "français", "francais"), "fr"),
        **dict.fromkeys(("portuguese", "português", "portugues"), "pt"),
    }
)
