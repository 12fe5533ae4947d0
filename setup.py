"""Package metadata, dependencies and extras. Tools are configured in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(
    r'^__version__ = "(.+)"$', (HERE / "eventtracking/__init__.py").read_text("utf-8"), re.MULTILINE
).group(1)

EXTRAS = {
    "django": ["django>=5.2"],
    # The first version that supports the agent's stream sockets.
    "datadog": ["datadog>=0.52"],
    "http": ["urllib3>=2.2"],
    "progress": ["tqdm>=4.66"],
    "segment": ["segment-analytics-python>=2.3"],
    "test": [
        "cloudevents>=2.2",
        "coverage[toml]>=7.6",
        "datadog>=0.52",
        "gunicorn>=23.0",
        "hypothesis>=6.100",
        "pytest>=8.2",
        "pytest-randomly>=3.15",
        "pytest-xdist>=3.6",
        "segment-analytics-python>=2.3",
        "tqdm>=4.66",
        "trustme>=1.1",
        "urllib3>=2.2",
        "uvicorn>=0.34",
        "websockets>=15.0",
    ],
    "docs": ["furo>=2024.8", "sphinx>=8.0"],
}
EXTRAS["all"] = [
    requirement
    for extra in ("datadog", "django", "http", "progress", "segment")
    for requirement in EXTRAS[extra]
]

# Filled in when the repository has an address; see "Releasing" in CONTRIBUTING.rst.
PROJECT_URLS = {}

setup(
    name="eventtracking",
    version=VERSION,
    description="Event tracking that a Python program embeds: one emit(), every destination.",
    long_description=(HERE / "README.rst").read_text("utf-8"),
    long_description_content_type="text/x-rst",
    keywords="event tracking, analytics, telemetry, segment, datadog, google analytics, open edx",
    project_urls=PROJECT_URLS,
    license_expression="Apache-2.0",
    license_files=["LICENSE"],
    packages=find_packages(include=["eventtracking", "eventtracking.*"]),
    include_package_data=True,
    package_data={
        "eventtracking": ["py.typed"],
        "eventtracking.demo": ["page.*"],
        "eventtracking.inspector": ["page.*"],
        "eventtracking.web": ["static/*"],
    },
    python_requires=">=3.11",
    # orjson 3.12 and 3.13 crash the process on tuples nested a few thousand levels deep.
    install_requires=["orjson>=3.10,<3.12", "pytz>=2024.1", "six>=1.16"],
    extras_require=EXTRAS,
    entry_points={
        "console_scripts": ["eventtracking = eventtracking.cli:main"],
        "pytest11": ["eventtracking = eventtracking.pytest_plugin"],
    },
    classifiers=[
        "Development Status :: 5 - Production/Stable",
        "Framework :: Django",
        "Framework :: Django :: 5.2",
        "Framework :: Django :: 6.0",
        "Framework :: Django :: 6.1",
        "Framework :: Pytest",
        "Intended Audience :: Developers",
        "Operating System :: POSIX",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Internet :: WWW/HTTP",
        "Topic :: Software Development :: Libraries",
        "Topic :: System :: Logging",
        "Topic :: System :: Monitoring",
        "Typing :: Typed",
    ],
)
