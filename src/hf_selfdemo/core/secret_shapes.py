"""Patterns of secrets in the forms that their issuers document.

Matching takes linear time. Each pattern starts with a distinct prefix, and each repetition in it is bounded or can
start in one position only.
"""

from __future__ import annotations

import re

SHAPES = {
    "a Hugging Face token": r"hf_[A-Za-z0-9]{30,}|api_org_[A-Za-z0-9]{30,}",
    "an API key (sk-)": r"(?<![A-Za-z0-9_])sk-(?=[\w-]{0,200}\d)(?=[\w-]{0,200}[A-Z])[\w-]{20,200}",
    "a GitHub token": r"gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{30,}",
    "a GitLab token": r"gl(?:pat|oas|dt|rt|cbt|ptt|ft|imt|agent|soat)-[A-Za-z0-9_-]{20,}",
    "an AWS key": r"AKIA[A-Z0-9]{16}|ASIA[A-Z0-9]{16}|ABSK[A-Za-z0-9+/=]{80,}",
    "a Google key": r"AIza[A-Za-z0-9_-]{35}|GOCSPX-[A-Za-z0-9_-]{28}|ya29\.[A-Za-z0-9_-]{50,}",
    "an Azure key": r"AccountKey=[A-Za-z0-9+/]{80,}={0,2}",
    "a Slack token": r"xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-\d-[A-Za-z0-9-]{20,}",
    "a Slack webhook": r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{20,}",
    "a Discord token": r"(?<![\w-])[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}(?![\w-])",
    "a Discord webhook": r"discord(?:app)?\.com/api/webhooks/\d{10,}/[A-Za-z0-9_-]{30,}",
    "a Telegram token": r"(?<!\d)\d{8,10}:AA[A-Za-z0-9_-]{33}",
    "a Twilio key": r"(?<![A-Za-z0-9])(?:SK|AC)[a-f0-9]{32}(?![A-Za-z0-9])",
    "a SendGrid key": r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}",
    "a Mailchimp key": r"(?<![a-f0-9])[a-f0-9]{32}-us\d{1,2}(?!\w)",
    "a Mailgun key": r"(?<!\w)key-[a-f0-9]{32}(?!\w)",
    "a Stripe key": r"[rs]k_(?:live|test)_[A-Za-z0-9]{20,}|whsec_[A-Za-z0-9+/=]{24,}",
    "a Square key": r"sq0[a-z]{3}-[A-Za-z0-9_-]{22,43}",
    "a Shopify token": r"shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}",
    "an npm token": r"npm_[A-Za-z0-9]{36}",
    "a PyPI token": r"pypi-AgE[A-Za-z0-9_-]{40,}",
    "a RubyGems key": r"rubygems_[a-f0-9]{48}",
    "a Docker token": r"dckr_[op]at_[A-Za-z0-9_-]{20,}",
    "a Databricks token": r"dapi[a-f0-9]{32}",
    "a DigitalOcean token": r"do[opr]_v1_[a-f0-9]{64}",
    "a Heroku key": r"HRKU-[A-Za-z0-9_-]{30,}",
    "a Netlify token": r"nf[bcopu]_[A-Za-z0-9]{36}",
    "a Vercel token": r"vercel_blob_rw_[A-Za-z0-9_]{30,}",
    "a Supabase key": r"sb[ps]_[a-f0-9]{40}|sb_secret_[A-Za-z0-9_-]{20,}",
    "a PlanetScale key": r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{32,}",
    "a Vault token": r"(?<!\w)hv[bsr]\.[A-Za-z0-9_-]{24,}",
    "a Doppler token": r"(?<!\w)dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9_.-]{40,}",
    "a Pulumi token": r"(?<!\w)pul-[a-f0-9]{40}",
    "a Grafana token": r"glsa_[A-Za-z0-9]{32}_[a-f0-9]{8}|glc_[A-Za-z0-9+/=]{32,}",
    "a New Relic key": r"NRAK-[A-Z0-9]{27}",
    "a Sentry token": r"sntry[su]_[A-Za-z0-9+/=_-]{40,}",
    "an Airtable token": r"(?<!\w)pat[A-Za-z0-9]{14}\.[a-f0-9]{64}",
    "an Atlassian token": r"AT[AC]TT3[A-Za-z0-9_=-]{50,}",
    "a Figma token": r"figd_[A-Za-z0-9_-]{30,}",
    "a Linear key": r"lin_(?:api|oauth)_[A-Za-z0-9]{32,}",
    "a Notion token": r"(?<!\w)(?:ntn|secret)_[A-Za-z0-9]{40,}",
    "a Postman key": r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}",
    "a Groq key": r"gsk_[A-Za-z0-9]{40,}",
    "a Replicate token": r"(?<!\w)r8_[A-Za-z0-9]{37}",
    "a Perplexity key": r"pplx-[A-Za-z0-9]{40,}",
    "an xAI key": r"(?<!\w)xai-[A-Za-z0-9]{60,}",
    "an NVIDIA key": r"nvapi-[A-Za-z0-9_-]{50,}",
    "a Pinecone key": r"pcsk_[A-Za-z0-9_]{50,}",
    "a LangSmith key": r"lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}",
    "a private key": r"-----BEGIN (?:[A-Z]{1,20} ){0,4}PRIVATE KEY|AGE-SECRET-KEY-1[A-Z0-9]{58}",
    "a JSON web token": r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    "a password in an address": r"://[^\s/:@]{1,200}:[^\s/:@]{3,200}@(?!domain|host|example)\w",
}

_COMPILED = {kind: re.compile(shape) for kind, shape in SHAPES.items()}


def shape_in(text: str) -> str:
    """The kind of a secret with a known form in a text, or "" if there is none.

    Example:
        >>> shape_in("gsk_" + "a1B2c3D4e5" * 5)
        'a Groq key'
    """
    return next((kind for kind, shape in _COMPILED.items() if shape.search(text)), "")


def without_secrets(text: str) -> str:
    """A text in which every secret with a known form is replaced by its kind, for messages that quote input.

    Example:
        >>> without_secrets("hub_token is hf_" + "a1B2c3D4e5" * 4 + ", a list")
        'hub_token is (a Hugging Face token), a list'
    """
    for kind, shape in _COMPILED.items():
        text = shape.sub(f"({kind})", text)
    return text
