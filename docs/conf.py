"""Sphinx configuration of the site (`make site`), see `inertia_utils/site.py`."""

project = "The inertial convolution"
html_title = project
language = "en"
copyright = "The inertial convolution contributors"
extensions = ["myst_nb", "sphinx-mathjax-offline"]  # the latter brings MathJax along, so that formulas need no network

nb_execution_mode = "off"
nb_ipywidgets_js = {}  # by default from a content delivery network; the notebooks show static figures
nb_render_markdown_format = "myst"  # formulas in generated text
nb_merge_streams = True
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

html_theme = "furo"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
