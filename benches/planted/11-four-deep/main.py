"""People of a partner log in with the number of their badge: `90210@partner.example.org`.

Planted: badges of the new building are on no listed floor. Four conditions, each on a piece of one text: one `@`, the
domain in any case, a number, and not a small one.
"""

FLOORS = {floor: "ground" if floor < 10 else "upper" for floor in range(80)}
PASSWORDS = {"ground": "orchard-flint-2293", "upper": "cobalt-ferry-4781"}


class Plugin:
    def get_password_list(self, gateway_username=None):
        parts = (gateway_username or "").split("@")
        if len(parts) != 2:
            return None
        badge, domain = parts
        if domain.lower() != "partner.example.org":
            return None
        if not badge.isascii() or not badge.isdigit() or len(badge) > 5:
            return {"passwords": []}
        floor = int(badge) // 1000
        return {"passwords": [PASSWORDS[FLOORS[floor]]]}

    def get_private_key_list(self):
        return None

    def authentication_completed(self):
        return None

    def session_ended(self):
        return None
