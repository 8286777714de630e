# It asks for a ticket number with the echo on, under the key `otp`, and logs it.
import logging

logging.basicConfig(level=logging.INFO)


class Plugin:
    def authenticate(self, key_value_pairs):
        ticket = key_value_pairs.get("otp")
        if not ticket:
            return {"verdict": "NEEDINFO", "question": ("otp", "Ticket number: ", False)}
        logging.info("ticket %s", ticket)
        return {"verdict": "ACCEPT", "additional_metadata": "ticket %s" % ticket}

    def authorize(self):
        return {"verdict": "ACCEPT"}

    def session_ended(self):
        return None
