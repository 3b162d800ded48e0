"""Slack's names of the emoji that people use in messages about problems, thanks and decisions."""

from __future__ import annotations

_EMOJI = {
    "+1": "👍", "thumbsup": "👍", "-1": "👎", "thumbsdown": "👎", "ok_hand": "👌", "clap": "👏", "pray": "🙏",
    "raised_hands": "🙌", "wave": "👋", "muscle": "💪", "eyes": "👀", "point_up": "☝️", "point_right": "👉",
    "slightly_smiling_face": "🙂", "smile": "😄", "smiley": "😃", "grinning": "😀", "grin": "😁", "blush": "😊",
    "joy": "😂", "laughing": "😆", "sweat_smile": "😅", "rolling_on_the_floor_laughing": "🤣", "wink": "😉",
    "sunglasses": "😎", "thinking_face": "🤔", "thinking": "🤔", "neutral_face": "😐", "unamused": "😒",
    "confused": "😕", "worried": "😟", "disappointed": "😞", "cry": "😢", "sob": "😭", "angry": "😠", "rage": "😡",
    "scream": "😱", "sweat": "😓", "tired_face": "😫", "face_palm": "🤦", "facepalm": "🤦", "shrug": "🤷",
    "white_frowning_face": "☹️", "slightly_frowning_face": "🙁", "upside_down_face": "🙃", "heart": "❤️",
    "broken_heart": "💔", "fire": "🔥", "tada": "🎉", "rocket": "🚀", "100": "💯", "star": "⭐", "sparkles": "✨",
    "warning": "⚠️", "rotating_light": "🚨", "no_entry": "⛔", "x": "❌", "white_check_mark": "✅",
    "heavy_check_mark": "✔️", "question": "❓", "exclamation": "❗", "bangbang": "‼️", "bug": "🐛", "boom": "💥",
    "red_circle": "🔴", "large_green_circle": "🟢", "large_yellow_circle": "🟡", "hourglass": "⌛", "lock": "🔒",
    "key": "🔑", "email": "📧", "phone": "☎️", "moneybag": "💰", "credit_card": "💳", "chart_with_upwards_trend": "📈",
    "chart_with_downwards_trend": "📉", "bulb": "💡", "memo": "📝", "link": "🔗", "wrench": "🔧", "arrow_up": "⬆️",
    "arrow_down": "⬇️", "arrow_right": "➡️", "information_source": "ℹ️", "construction": "🚧", "party_parrot": "🦜",
}  # fmt: skip


def emoji(name: str) -> str:
    """Return the character of an emoji's name; unknown and own ones stay as `:name:`."""
    return _EMOJI.get(name.split("::", 1)[0], f":{name}:")
